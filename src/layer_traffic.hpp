// What one visit moves between NVMe, host memory and the device.
#pragma once

#include "blueprint.hpp"

namespace ballast {

/// Weights that a fetch reads from NVMe, tied ones too: whole extents.
bytes read_of(const model& declared, const layout& where, const blueprint& drawn,
              const engine_config& config, layer_id which);

/// Weights that a fetch brings to the device, tied ones too.
bytes upload_of(const model& declared, const layout& where, const blueprint& drawn, layer_id which);

/// Gradients that a push brings home: rounded ones, or fp32 where they are summed.
bytes download_of(const model& declared, const layout& where, const blueprint& drawn,
                  layer_id which);

/// What storing or loading an activation moves on NVMe: whole sectors, or nothing where it rests in
/// host memory.
bytes on_nvme_of(const blueprint& drawn, bytes activation);

/// Gradients that a push writes to NVMe: whole extents.
bytes write_of(const layout& where, const blueprint& drawn, const engine_config& config,
               layer_id which);

// From peers, where there are such.

/// Weights of a fetch, tied ones too, where they are partitioned.
bytes gathered_of(const model& declared, const layout& where, layer_id which);

/// A layer's gradient, for this rank's shard of the sum.
bytes reduced_of(const layout& where, layer_id which);

/// The other shards of that sum, where all ranks keep all of it; or of updated weights.
bytes gathered_sum_of(const layout& where, layer_id which);

}  // namespace ballast
