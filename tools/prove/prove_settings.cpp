#include "tools/prove/prove_settings.hpp"

namespace ballast::tools {

prove_settings::prove_settings() {
  run.model.layers = 3;
  run.model.heads = 4;
  run.model.width = 128;
  run.model.context = 32;
  run.batch.micro_batches = 2;
  run.batch.sequences = 2;
  run.batch.tokens = 32;
}

option_set prove_options(prove_settings& settings) {
  option_set options("ballast prove",
                     "Runs the same steps resident and as placed and compares every bit.");
  options.section("Arms: of the first encoding and optimizer every combination of these lists");
  options.list("placements", settings.placements, "PLACE", "device host nvme early capacity mixed",
               "where state rests; early: on NVMe, updated during backward; capacity: weights, "
               "gradients and activations too; mixed: activations in host memory");
  options.list("encodings", settings.encodings, "ENCODING", "exact fp32 fp16 bf16 int8",
               "how state is stored; each with every optimizer and placement");
  options.list("optimizers", settings.optimizers, "OPTIMIZER", "adamw adam sgd",
               "what updates it; sgd with Nesterov's momentum");
  options.list("threads", settings.threads, "N", "1 2", "engine threads");
  options.list("tiles", settings.tiles, "COUNT", "8Ki 20Ki", "elements of a tile");
  options.list("ios", settings.ios, "BACKEND", "uring posix inline",
               "what moves bytes to and from disk");
  options.list("isas", settings.isas, "SET", "sse2 avx2 avx512",
               "instruction sets of the optimizer's kernels");
  options.list("stages", settings.stages, "STAGE", "0 1 2 3", "ZeRO stages, where there are ranks");
  options.flag("quick", settings.quick,
               "each placement, encoding and optimizer, of the rest what a user gets by default");
  options.section("Run");
  options.whole("ranks", settings.run.ranks, {1, 64},
                "ranks that share the model, each with a batch of its own: threads, or mpirun's");
  options.whole("steps", settings.run.steps, {1, 1u << 20}, "steps of every arm");
  options.whole("layers", settings.run.model.layers, {1, 1024}, "transformer blocks");
  options.whole("heads", settings.run.model.heads, {1, 1024}, "attention heads");
  options.whole("width", settings.run.model.width, {1, 1u << 16}, "channels");
  options.whole("sequences", settings.run.batch.sequences, {1, 1u << 16},
                "sequences of a micro-batch");
  options.whole("micro-batches", settings.run.batch.micro_batches, {1, 1u << 16},
                "micro-batches a step");
  options.text("directory", settings.directory, "DIR", "folder for state on disk");
  options.text("json", settings.json, "FILE", "one JSON document with every arm; - is stdout");
  options.section("Tests of the proof itself");
  options.choice<flip_target>(
      "flip", settings.flip,
      {{"none", flip_target::none}, {"memory", flip_target::memory}, {"disk", flip_target::disk}},
      "flips one bit of state, which must be noticed");
  options.whole("flip-step", settings.flip_step, {1, 1u << 20}, "after which step it is flipped");
  return options;
}

}  // namespace ballast::tools
