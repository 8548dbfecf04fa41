// The update backend of a GPU: the kernels, enqueued on the caller's stream; and state by value,
// which is staged through host memory and left to the CPU's backend.
#pragma once

#include <memory>

#include "gpu/sticky_failure.hpp"
#include "gpu/stream.hpp"

namespace ballast::gpu {

/// A launch that fails is noted in `failures`, which the device's next call reports.
///
/// Memory:  `findings` are pinned host memory; `sums` are pinned host memory or device memory; an
///          f32 gradient alone is encoded in place
/// Threads: any, on disjoint views
class device_updates final : public update_backend {
 public:
  /// `host` serves encode_* and decode_*, which may not be called without one; `setup` is where
  /// they copy. All but `host` outlive it.
  device_updates(runtime& calls, const stream& setup, sticky_failure& failures,
                 std::unique_ptr<update_backend> host);

  std::string_view name() const override { return name_; }

  void update(const update_recipe& recipe, const state_view& view, std::uint32_t& findings,
              stream_ref stream) override;
  void encode_gradient(std::span<const float> source, dtype type, std::byte* target,
                       std::span<double> sums, std::uint32_t& findings, stream_ref stream) override;
  void accumulate(std::span<float> into, std::span<const float> from, stream_ref stream) override;

  void encode_master(encoding stored, std::span<const float> master, const state_view& view,
                     std::uint32_t& findings) override;
  void decode_master(encoding stored, const state_view& view,
                     std::span<float> master) const override;
  void encode_moment(encoding stored, state_part which, std::span<const float> values,
                     const state_view& view) override;
  void decode_moment(encoding stored, state_part which, const state_view& view,
                     std::span<float> values) const override;

 private:
  std::string name_;
  runtime& calls_;
  const stream& setup_;
  sticky_failure& failures_;
  std::unique_ptr<update_backend> host_;
};

}  // namespace ballast::gpu
