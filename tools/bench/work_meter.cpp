#include "tools/bench/work_meter.hpp"

#include <algorithm>
#include <ballast/forwarding_backends.hpp>
#include <ballast/forwarding_store.hpp>
#include <numeric>
#include <span>

namespace ballast::tools {
namespace {

class metered_link final : public link {
 public:
  metered_link(link& behind, call_meter& meter) : behind_(behind), meter_(meter) {}

  std::string_view name() const override { return behind_.name(); }
  ticket submit(const transfer& hop) override { return behind_.submit(hop); }
  status move(std::span<const tier_range> ranges, subject whose) override {
    return meter_.timed([&] { return behind_.move(ranges, whose); });
  }
  link_counters counters() const override { return behind_.counters(); }

 private:
  link& behind_;
  call_meter& meter_;
};

class metered_store final : public forwarding_store {
 public:
  metered_store(std::unique_ptr<store> behind, work_meter& meter)
      : forwarding_store(std::move(behind)),
        meter_(meter),
        read_(forwarding_store::read(), meter.reading),
        write_(forwarding_store::write(), meter.writing) {}

  link& read() override { return read_; }
  link& write() override { return write_; }
  void stamp(const extent& where, std::uint32_t index, const slice_pieces& pieces) override {
    meter_.stamping.timed([&] { forwarding_store::stamp(where, index, pieces); });
  }
  status check(const extent& where, std::uint32_t index,
               const slice_pieces& pieces) const override {
    return meter_.checking.timed([&] { return forwarding_store::check(where, index, pieces); });
  }

 private:
  work_meter& meter_;
  metered_link read_, write_;
};

class metered_updates final : public update_backend {
 public:
  metered_updates(std::unique_ptr<update_backend> behind, call_meter& meter)
      : behind_(std::move(behind)), meter_(meter) {}

  std::string_view name() const override { return behind_->name(); }
  void update(const update_recipe& recipe, const state_view& view, std::uint32_t& findings,
              stream_ref stream) override {
    meter_.timed([&] { behind_->update(recipe, view, findings, stream); });
  }
  void encode_gradient(std::span<const float> source, dtype type, std::byte* target,
                       std::span<double> sums, std::uint32_t& findings,
                       stream_ref stream) override {
    behind_->encode_gradient(source, type, target, sums, findings, stream);
  }
  void accumulate(std::span<float> into, std::span<const float> from, stream_ref stream) override {
    behind_->accumulate(into, from, stream);
  }
  void encode_master(encoding stored, std::span<const float> master, const state_view& view,
                     std::uint32_t& findings) override {
    behind_->encode_master(stored, master, view, findings);
  }
  void decode_master(encoding stored, const state_view& view,
                     std::span<float> master) const override {
    behind_->decode_master(stored, view, master);
  }
  void encode_moment(encoding stored, state_part which, std::span<const float> values,
                     const state_view& view) override {
    behind_->encode_moment(stored, which, values, view);
  }
  void decode_moment(encoding stored, state_part which, const state_view& view,
                     std::span<float> values) const override {
    behind_->decode_moment(stored, which, view, values);
  }

 private:
  const std::unique_ptr<update_backend> behind_;
  call_meter& meter_;
};

class metered_backends final : public forwarding_backends {
 public:
  metered_backends(std::unique_ptr<backends> behind, work_meter& meter)
      : forwarding_backends(std::move(behind)), meter_(meter) {}

  result<std::unique_ptr<store>> make_store(const engine_config& config, const store_room& wanted,
                                            std::span<std::byte> arena) override {
    auto made = forwarding_backends::make_store(config, wanted, arena);
    if (!made) {
      return made;
    }
    return std::unique_ptr<store>(std::make_unique<metered_store>(*std::move(made), meter_));
  }
  result<std::unique_ptr<update_backend>> make_updates(const engine_config& config) override {
    auto made = forwarding_backends::make_updates(config);
    if (!made) {
      return made;
    }
    return std::unique_ptr<update_backend>(
        std::make_unique<metered_updates>(*std::move(made), meter_.updating));
  }

 private:
  work_meter& meter_;
};

}  // namespace

double call_meter::take() {
  const auto calls = static_cast<double>(calls_.exchange(0));
  const auto all = std::span(seconds_).first(std::min(timed_.exchange(0), most));
  if (all.empty()) {
    return 0;
  }
  std::ranges::sort(all);
  const auto counted = std::max<std::size_t>(
      1, static_cast<std::size_t>(static_cast<double>(all.size()) * undisturbed));
  return std::accumulate(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(counted), 0.0) *
         calls / static_cast<double>(counted);
}

std::unique_ptr<backends> with_meter(std::unique_ptr<backends> parts, work_meter& meter) {
  return std::make_unique<metered_backends>(std::move(parts), meter);
}

}  // namespace ballast::tools
