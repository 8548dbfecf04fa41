#include "gradient_sums.hpp"

#include <algorithm>

namespace ballast {
namespace {

std::span<std::byte> bytes_of(std::span<float> values) { return std::as_writable_bytes(values); }

}  // namespace

gradient_sums::gradient_sums(const model& declared, const layout& where, tile_homes& homes,
                             update_backend& host_updates, workers& threads,
                             gradient_rounding& rounding)
    : declared_(declared),
      where_(where),
      homes_(homes),
      host_updates_(host_updates),
      workers_(threads),
      rounding_(rounding),
      started_(declared.parameters().size()) {
  for (std::uint32_t i = 0; i < declared.parameters().size(); ++i) {
    chunks_.push_back(chunks_of(where, declared.parameters()[i].layer, where.range_of({i})));
  }
}

bool gradient_sums::exist_for(layer_id layer) const {
  const layer_layout& placed = where_.at(layer);
  return placed.tiles > 0 && !homes_.at({placed.first_tile}).sums.empty();
}

/// Where the tile's state is on the device, so are its sums.
bool gradient_sums::on_device(const gradient_chunk& part) const {
  return homes_.at(part.tile).where == place::device;
}

std::span<float> gradient_sums::sums_of(const gradient_chunk& part) const {
  return homes_.at(part.tile).sums.subspan(
      (part.range.begin - where_.at(part.tile).range.begin).value, part.range.count.value);
}

/// The part of a parameter's gradient that lies over one chunk of its home.
std::span<float> gradient_sums::over(const gradient_chunk& part, parameter_id which,
                                     std::span<float> gradient) const {
  return gradient.subspan((part.range.begin - where_.range_of(which).begin).value,
                          part.range.count.value);
}

status gradient_sums::add(parameter_id which, std::span<float> gradient, stream_ref stream) {
  if (auto added = add_on_device(which, gradient, stream); !added) {
    return added;
  }
  if (auto ordered = homes_.on_device().order_links_after(stream); !ordered) {
    return ordered;
  }
  const bool first = !started_[which.value];
  started_[which.value] = true;
  return first ? start_in_host(which, gradient) : add_in_host(which, gradient);
}

status gradient_sums::add_on_device(parameter_id which, std::span<float> gradient,
                                    stream_ref stream) {
  const std::vector<gradient_chunk>& chunks = chunks_[which.value];
  const bool first = !started_[which.value];
  const active_span busy(homes_.log(), activity::optimizer, "add",
                         subject::of(declared_.at(which).layer));
  workers_.for_each(chunks.size(), [&](std::size_t i) {
    if (!on_device(chunks[i])) {
      return;
    }
    const std::span<float> into = sums_of(chunks[i]);
    const std::span<float> from = over(chunks[i], which, gradient);
    if (first) {
      passes_.note(homes_.on_device().copy(bytes_of(into), bytes_of(from), stream));
    } else {
      homes_.on_device().updates().accumulate(into, from, stream);
    }
  });
  return passes_.take();
}

/// The first push of a step goes straight into the sums.
status gradient_sums::start_in_host(parameter_id which, std::span<float> gradient) {
  status outcome;
  for (const gradient_chunk& part : chunks_[which.value]) {
    if (!on_device(part)) {
      downloads_.push_back(
          homes_.download().submit({.address = address_of(bytes_of(over(part, which, gradient))),
                                    .memory = bytes_of(sums_of(part))}));
    }
  }
  for (const ticket& each : downloads_) {
    if (auto arrived = each.wait(); !arrived) {
      outcome = arrived;
    }
  }
  downloads_.clear();
  return outcome;
}

/// Two staging buffers: while one chunk is added, the next one is on its way.
status gradient_sums::add_in_host(parameter_id which, std::span<float> gradient) {
  const std::vector<gradient_chunk>& chunks = chunks_[which.value];
  const auto staged = [&](std::size_t i) {
    return homes_.chunk_staging(i % 2).first(chunks[i].range.count.value * sizeof(float));
  };
  const auto start = [&](std::size_t i) {
    if (i >= chunks.size() || on_device(chunks[i])) {
      return ticket{};
    }
    return homes_.download().submit(
        {.address = address_of(bytes_of(over(chunks[i], which, gradient))), .memory = staged(i)});
  };
  ticket next = start(0);
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const ticket current = std::exchange(next, start(i + 1));
    if (!current.valid()) {
      continue;
    }
    if (auto arrived = current.wait(); !arrived) {
      if (next.valid()) {
        (void)next.wait();
      }
      return arrived;
    }
    const active_span busy(homes_.log(), activity::optimizer, "add", subject::of(chunks[i].tile));
    const std::span<float> into = sums_of(chunks[i]);
    const auto* from = reinterpret_cast<const float*>(staged(i).data());
    const std::size_t blocks = (into.size() + block_elements.value - 1) / block_elements.value;
    workers_.for_each(blocks, [&](std::size_t block) {
      const std::size_t at = block * block_elements.value;
      const std::size_t n = std::min<std::size_t>(block_elements.value, into.size() - at);
      host_updates_.accumulate(into.subspan(at, n), {from + at, n}, {});
    });
  }
  return {};
}

void gradient_sums::clear_unpushed(layer_id layer) {
  for (const parameter_id which : declared_.at(layer).parameters) {
    if (!started_[which.value]) {
      for (const gradient_chunk& part : chunks_[which.value]) {
        std::ranges::fill(sums_of(part), 0.0F);
      }
    }
  }
}

void gradient_sums::round(layer_id layer) {
  const active_span busy(homes_.log(), activity::optimizer, "round", subject::of(layer));
  clear_unpushed(layer);
  const std::vector<gradient_chunk>& chunks = rounding_.chunks(layer);
  workers_.for_each(chunks.size(), [&](std::size_t i) {
    update_backend& by = on_device(chunks[i]) ? homes_.on_device().updates() : host_updates_;
    rounding_.round(chunks[i], sums_of(chunks[i]), rounding_.home_of(chunks[i]).data(), by, {});
  });
}

void gradient_sums::round(layer_id layer, std::span<std::byte> target) {
  const active_span busy(homes_.log(), activity::optimizer, "round", subject::of(layer));
  clear_unpushed(layer);
  const dtype type = where_.at(layer).arrays().weights;
  const std::vector<gradient_chunk>& chunks = rounding_.chunks(layer);
  workers_.for_each(chunks.size(), [&](std::size_t i) {
    update_backend& by = on_device(chunks[i]) ? homes_.on_device().updates() : host_updates_;
    gradient_rounding::encode(
        type, sums_of(chunks[i]),
        target.subspan(chunks[i].range.begin.value * size_of(type).value).data(), by, {});
  });
}

}  // namespace ballast
