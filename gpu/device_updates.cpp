#include "gpu/device_updates.hpp"

#include <fmt/format.h>

#include <ballast/assert.hpp>

#include "gpu/staged_state.hpp"

namespace ballast::gpu {
namespace {

constexpr const char* needs_host = "state is read and written by value with a host backend";

}  // namespace

device_updates::device_updates(runtime& calls, const stream& setup, sticky_failure& failures,
                               std::unique_ptr<update_backend> host)
    : name_(fmt::format("sm_{}{}", calls.gpu().major, calls.gpu().minor)),
      calls_(calls),
      setup_(setup),
      failures_(failures),
      host_(std::move(host)) {}

void device_updates::update(const update_recipe& recipe, const state_view& view,
                            std::uint32_t& findings, stream_ref stream) {
  (void)failures_.note(calls_.update(recipe, view, &findings, stream));
}

void device_updates::encode_gradient(std::span<const float> source, dtype type, std::byte* target,
                                     std::span<double> sums, std::uint32_t& findings,
                                     stream_ref stream) {
  require(type == dtype::f32 || target != reinterpret_cast<const std::byte*>(source.data()),
          "a GPU narrows a gradient into memory of its own: its threads run in no order");
  (void)failures_.note(calls_.encode_gradient(source, type, target, sums, &findings, stream));
}

void device_updates::accumulate(std::span<float> into, std::span<const float> from,
                                stream_ref stream) {
  (void)failures_.note(calls_.accumulate(into, from, stream));
}

void device_updates::encode_master(encoding stored, std::span<const float> master,
                                   const state_view& view, std::uint32_t& findings) {
  require(host_ != nullptr, needs_host);
  staged_state staged(calls_, setup_, stored, view);
  host_->encode_master(stored, master, staged.view(), findings);
  status done = calls_.wait_for_all();
  if (done) {
    done = staged.put();
  }
  (void)failures_.note(done);
}

void device_updates::decode_master(encoding stored, const state_view& view,
                                   std::span<float> master) const {
  require(host_ != nullptr, needs_host);
  staged_state staged(calls_, setup_, stored, view);
  (void)failures_.note(staged.fetch());
  host_->decode_master(stored, staged.view(), master);
}

void device_updates::encode_moment(encoding stored, state_part which, std::span<const float> values,
                                   const state_view& view) {
  require(host_ != nullptr, needs_host);
  // The other moment comes and goes unchanged.
  staged_state staged(calls_, setup_, stored, view);
  status done = staged.fetch();
  if (done) {
    host_->encode_moment(stored, which, values, staged.view());
    done = staged.put();
  }
  (void)failures_.note(done);
}

void device_updates::decode_moment(encoding stored, state_part which, const state_view& view,
                                   std::span<float> values) const {
  require(host_ != nullptr, needs_host);
  staged_state staged(calls_, setup_, stored, view);
  (void)failures_.note(staged.fetch());
  host_->decode_moment(stored, which, staged.view(), values);
}

}  // namespace ballast::gpu
