#include "checkpoints.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ballast/rounding.hpp>
#include <charconv>
#include <cstring>
#include <filesystem>

namespace ballast {
namespace {

// At most so much of a manifest's text is about each of these; names are not so long.
constexpr bytes manifest_slice{64};
constexpr bytes manifest_tile{1024};
constexpr bytes manifest_parameter{512};

/// Of a text that ranks told each other.
std::uint64_t number_in(std::string_view text) {
  std::uint64_t number = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

manifest::array listed(const store& in, std::uint32_t index, const extent& where) {
  return {index, where.address, where.size, in.digests(where)};
}

}  // namespace

result<std::unique_ptr<checkpoints>> checkpoints::open(std::unique_ptr<checkpoint_folder> folder,
                                                       const model& declared, const layout& where,
                                                       const engine_config& config,
                                                       tile_homes& homes, backends& parts,
                                                       peers& ranks) {
  std::unique_ptr<checkpoints> made(new checkpoints(declared, where, config, homes, parts, ranks));
  auto shared = shared_folder::make(std::move(folder), ranks);
  if (!shared) {
    return shared.error();
  }
  made->folder_ = *std::move(shared);
  if (auto sayable = made->refuse_odd_names(); !sayable) {
    return sayable.error();
  }
  if (auto seen = made->look_around(); !seen) {
    return seen.error();
  }
  if (auto enough = made->refuse_small_folder(); !enough) {
    return enough.error();
  }
  return made;
}

bool checkpoints::saves(const tile& which) const {
  // What all ranks have the first one saves.
  return which.owned && (!where_.held().replicates() || peers_.self() == rank{0});
}

/// What every manifest of this run says, written once before there is anything to lose.
status checkpoints::refuse_odd_names() const {
  stored_files named{.begin = 0, .size = {}, .segment_size = {}, .paths = {folder_->path()}};
  for (const nvme_folder& each : config_.nvme) {
    named.paths.push_back(std::filesystem::absolute(each.directory));
  }
  const manifest sketch{.slice = slice_elements,
                        .stores = {{0, {std::move(named)}}},
                        .layers = layers_of(declared_, where_),
                        .runs = {},
                        .blob = {}};
  const auto text = sketch.text();
  return text ? status() : status(text.error());
}

/// Finds the checkpoints, and removes what a save left that did not come to its manifest.
status checkpoints::look_around() {
  auto found_here = folder_->manifests();
  if (!found_here) {
    return found_here.error();
  }
  kept_ = *std::move(found_here);
  ours_ = kept_.empty();
  return folder_->remove_unreferenced(kept_);
}

checkpoints::file_size checkpoints::next_file() const {
  file_size of;
  for (std::uint32_t i = 0; i < where_.tiles().size(); ++i) {
    const tile& each = where_.tiles()[i];
    for (const tile_array array : lasting_arrays) {
      if (saves(each) && !homes_.at({i}).on_nvme(array)) {
        of.size += round_up(size_of(array, where_.at(each.layer).arrays(), each.range.count),
                            extent_alignment);
        of.slices += static_cast<std::uint32_t>(count_up(each.range.count, slice_elements));
      }
    }
  }
  of.size = std::max(of.size, extent_alignment);  // a file has a page where nothing lies in memory
  return of;
}

/// A save writes the new checkpoint before it gives the oldest one up. Rank 0 looks, for all.
status checkpoints::refuse_small_folder() const {
  const auto mine = next_file();
  const auto all = peers_.gather_text(fmt::format("{} {}", mine.size.value, mine.slices));
  if (!all) {
    return all.error();
  }
  const auto room = folder_->room();
  if (!room) {
    return peers_.agree({});
  }
  bytes size;
  std::uint64_t slices = 0;
  for (const std::string_view each : *all) {
    size += bytes{number_in(each)};
    slices += number_in(each.substr(each.find(' ') + 1));
  }
  const std::uint64_t tiles = where_.tiles().size() * peers_.size();
  const bytes one = round_up(size + manifest_slice * slices + manifest_tile * tiles +
                                 manifest_parameter * declared_.parameters().size(),
                             extent_alignment);
  const std::uint64_t there = kept_.size();
  const std::uint64_t wanted = std::max<std::uint64_t>(config_.kept_checkpoints + 1, there + 1);
  const std::uint64_t fit = there + *room / one;
  if (wanted <= fit) {
    return peers_.agree({});
  }
  const std::string remedy =
      fit > std::max<std::uint64_t>(there, 1)
          ? fmt::format("--keep-checkpoints {} would fit", fit - 1)
          : "free as much there, or give --checkpoint a folder on another disk";
  return peers_.agree(
      failure{errc::no_space,
              fmt::format("{}: {} checkpoints of {} bytes more are wanted there, one beyond what "
                          "is kept, {} bytes together; {} are free; {}",
                          folder_->path(), wanted - there, one.value,
                          (one * (wanted - there)).value, room->value, remedy)});
}

result<bytes> checkpoints::save(const position& at, std::string_view blob) {
  if (!ours_) {
    return failure{errc::wrong_order,
                   fmt::format("{} holds a checkpoint of another run; resume it, or choose another "
                               "folder",
                               folder_->path())};
  }
  if (!broken_) {
    return broken_.error();
  }
  const std::uint64_t number = kept_.empty() ? 1 : kept_.back().number + 1;
  manifest part{.steps = at.steps,
                .updates = at.updates,
                .noise_seed = at.noise_seed,
                .slice = slice_elements,
                .stores = {},
                .layers = layers_of(declared_, where_),
                .runs = {},
                .blob = std::string(blob)};
  const status written = peers_.agree(write_part(part, folder_->state_name(number, peers_.self())));
  if (!written) {
    folder_->remove_states(number);
    return written.error();
  }
  auto whole = whole_of(part);
  if (auto listed = peers_.agree(whole ? status() : status(whole.error())); !listed) {
    folder_->remove_states(number);
    return listed.error();
  }
  kept newest{number, *std::move(whole)};
  if (auto committed = folder_->commit(newest); !committed) {
    if (!folder_->broken()) {
      folder_->remove_states(number);
    }
    broken_ = folder_->broken() ? committed : status();
    return committed.error();
  }
  for (const tile_array each : lasting_arrays) {
    if (homes_.on_disk() != nullptr && !part.runs.empty()) {
      homes_.stored(each).keep(number);
    }
  }
  kept_.push_back(std::move(newest));
  while (kept_.size() > config_.kept_checkpoints) {
    if (auto forgotten = forget_oldest(); !forgotten) {
      return forgotten.error();
    }
  }
  return part.runs.empty() ? bytes{} : next_file().size;
}

/// What this rank saves, durable; a rank that has nothing of its own writes nothing.
status checkpoints::write_part(manifest& made, const std::string& name) {
  if (std::ranges::none_of(where_.tiles(), [&](const tile& each) { return saves(each); })) {
    return {};
  }
  const auto [size, slices] = next_file();
  auto into = parts_.make_kept_store(config_, name, size, slices);
  return into ? fill(made, **into) : status(into.error());
}

/// All ranks' parts; its files in the folder by their full names.
result<manifest> checkpoints::whole_of(const manifest& part) const {
  const auto text = folder_->text_of(part);
  if (auto sayable = peers_.agree(text ? status() : status(text.error())); !sayable) {
    return sayable.error();
  }
  const auto texts = peers_.gather_text(*text);
  if (!texts) {
    return texts.error();
  }
  manifest whole = part;
  whole.stores.clear();
  whole.runs.clear();
  for (const std::string& each : *texts) {
    auto read = manifest::parse_part(each);
    if (!read) {
      return read.error();
    }
    whole.add(*std::move(read));
  }
  if (auto resolved = folder_->resolve(whole); !resolved) {
    return resolved.error();
  }
  return whole;
}

/// Writes what lies in memory, lists everything, and makes all of it durable.
status checkpoints::fill(manifest& made, store& into) {
  made.stores.push_back(into.record());
  store* const disk = homes_.on_disk();
  if (disk != nullptr) {
    made.stores.push_back(disk->record());
  }
  array_saver saver(where_, homes_, into);
  status outcome;
  for (std::uint32_t i = 0; i < where_.tiles().size() && outcome; ++i) {
    const tile& each = where_.tiles()[i];
    if (!saves(each)) {
      continue;
    }
    manifest::run run{each.layer.value, each.range, {}, {}};
    for (const tile_array array : lasting_arrays) {
      manifest::array& list = array == tile_array::weights ? run.weights : run.state;
      if (homes_.at({i}).on_nvme(array)) {
        list = listed(*disk, 1, homes_.stored(array).latest({i}));
      } else if (const auto saved = saver.save({i}, array)) {
        list = listed(into, 0, *saved);
      } else {
        outcome = saved.error();
        break;
      }
    }
    made.runs.push_back(std::move(run));
  }
  // Also after an error: the buffers are the disk's until then.
  if (auto finished = saver.finish(); !finished && outcome) {
    outcome = finished;
  }
  if (outcome) {
    outcome = into.sync();
  }
  if (outcome && disk != nullptr) {
    outcome = disk->sync();
  }
  return outcome;
}

status checkpoints::forget_oldest() {
  // Until its manifest is gone it is kept, and so is what it refers to: the next save tries again.
  const std::uint64_t number = kept_.front().number;
  if (auto removed = folder_->remove_manifest(number); !removed) {
    return removed;
  }
  const kept oldest = std::move(kept_.front());
  kept_.erase(kept_.begin());
  for (const tile_array each : lasting_arrays) {
    if (homes_.on_disk() != nullptr) {
      homes_.stored(each).drop(oldest.number);
    }
  }
  remove_files(oldest.what);
  return {};
}

/// Of a checkpoint that was given up, as far as no other one needs them; what stays the next start
/// removes.
void checkpoints::remove_files(const manifest& of) {
  for (const store_record& each : of.stores) {
    // The newest one lists every store in use.
    const bool still_needed = std::ranges::any_of(kept_, [&](const kept& other) {
      return std::ranges::any_of(other.what.stores,
                                 [&](const store_record& its) { return its.run == each.run; });
    });
    if (still_needed) {
      continue;
    }
    if (peers_.self() == rank{0}) {
      (void)parts_.remove_store(each);  // in use by a reader: the next start collects it
    }
    folder_->remove_files(each);
  }
}

status checkpoints::usable() const {
  if (kept_.empty()) {
    return failure{errc::invalid_argument, fmt::format("{} holds no checkpoint", folder_->path())};
  }
  return refuse_other_model(kept_.back().what);
}

result<checkpoints::found> checkpoints::load() {
  if (auto can_be = usable(); !can_be) {
    return can_be.error();
  }
  const manifest& newest = kept_.back().what;
  auto reader = run_reader::open(newest, where_, config_, homes_, parts_);
  if (auto opened = peers_.agree(reader ? status() : status(reader.error())); !opened) {
    return opened.error();
  }
  array_restorer restorer(newest, where_, homes_, **reader);
  status restored;
  for (std::uint32_t i = 0; i < where_.tiles().size() && restored; ++i) {
    restored = where_.tiles()[i].owned ? restorer.restore({i}) : status();
  }
  if (auto finished = restorer.finish(); !finished && restored) {
    restored = finished;
  }
  if (auto all = peers_.agree(restored); !all) {
    return all.error();
  }
  ours_ = true;
  return found{{newest.steps, newest.updates, newest.noise_seed}, newest.blob};
}

status checkpoints::refuse_other_model(const manifest& read) const {
  const auto mine = layers_of(declared_, where_);
  if (read.layers.size() != mine.size()) {
    return failure{errc::invalid_argument,
                   fmt::format("the checkpoint in {} is of a model of {} layers, this one has {}",
                               folder_->path(), read.layers.size(), mine.size())};
  }
  for (std::size_t i = 0; i < mine.size(); ++i) {
    const manifest::layer& its = read.layers[i];
    if (its != mine[i]) {
      return failure{
          errc::invalid_argument,
          fmt::format("the checkpoint in {} is of another model: its layer \"{}\" has {} elements "
                      "in {} for {}, this one's \"{}\" has {} in {} for {}, or other parameters",
                      folder_->path(), its.name, its.size.value, its.stored, its.with, mine[i].name,
                      mine[i].size.value, mine[i].stored, mine[i].with)};
    }
  }
  return {};
}

}  // namespace ballast
