#include "gradient_slots.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

namespace ballast {
namespace {

std::span<std::byte> bytes_of(std::span<float> values) { return std::as_writable_bytes(values); }

bool is_summed(const layer_layout& layer, const tile_home& first) {
  return layer.tiles > 0 && !first.sums.empty();
}

}  // namespace

gradient_slots::gradient_slots(const model& declared, const layout& where, const blueprint& drawn,
                               tile_homes& homes, update_backend& host_updates, workers& threads,
                               const clock& time)
    : declared_(declared),
      where_(where),
      homes_(homes),
      host_updates_(host_updates),
      workers_(threads),
      time_(time),
      slots_(drawn.gradient_slots.count),
      chunks_(where.layers().size()),
      block_sums_(where.blocks()),
      complete_(where.layers().size()),
      pushed_(where.layers().size()),
      summed_(declared.parameters().size()) {
  for (std::uint32_t i = 0; i < where.layers().size(); ++i) {
    chunks_[i] = chunks_of({i}, {{0}, where.layers()[i].size});
  }
}

gradient_slots::~gradient_slots() { (void)settle_all(); }

std::vector<gradient_slots::chunk> gradient_slots::chunks_of(layer_id layer,
                                                             element_range range) const {
  std::vector<chunk> found;
  const layer_layout& placed = where_.at(layer);
  for (std::uint32_t i = placed.first_tile; i < placed.first_tile + placed.tiles; ++i) {
    const element_range part = intersect(where_.tiles()[i].range, range);
    for (elements at = part.begin; at < part.end(); at += chunk_elements) {
      found.push_back({{i}, intersect(part, {at, chunk_elements})});
    }
  }
  return found;
}

status gradient_slots::settle(slot& which) {
  status outcome;
  for (const ticket& download : which.downloads) {
    if (auto arrived = download.wait(); !arrived && outcome) {
      outcome = arrived;
    }
  }
  which.downloads.clear();
  return outcome;
}

result<gradient_lease> gradient_slots::lease(layer_id layer, stream_ref stream) {
  const layer_layout& placed = where_.at(layer);
  if (!placed.trainable()) {
    return failure{errc::invalid_argument, fmt::format("layer \"{}\" is frozen, it has no gradient",
                                                       declared_.at(layer).name)};
  }
  const auto count = static_cast<std::uint32_t>(slots_.size());
  std::uint32_t index = next_slot_;
  while (slots_[index].leased) {
    index = (index + 1) % count;
    if (index == next_slot_) {
      return failure{errc::exhausted,
                     fmt::format("all {} gradient slots are on lease; push one, or raise "
                                 "--gradient-slots",
                                 count)};
    }
  }
  next_slot_ = (index + 1) % count;
  const time_point begin = time_.now();
  if (auto settled = settle(slots_[index]); !settled) {
    return settled.error();
  }
  const time_point settled = time_.now();
  waited_ += settled - begin;
  const std::span<std::byte> memory =
      homes_.gradient_slot(index).first(placed.buffer.value * sizeof(float));
  const std::uint64_t step = chunk_elements.value * sizeof(float);
  workers_.for_each((memory.size() + step - 1) / step, [&](std::size_t i) {
    const std::size_t at = i * step;
    (void)homes_.on_device().fill_zero(
        memory.subspan(at, std::min<std::size_t>(step, memory.size() - at)), stream);
  });
  passed_ += time_.now() - settled;
  slots_[index].leased = true;
  ++leases_;
  return gradient_lease({*this, index}, layer,
                        {reinterpret_cast<float*>(memory.data()), placed.buffer.value},
                        placed.parameters);
}

void gradient_slots::give_back(std::uint32_t index) {
  slots_[index].leased = false;
  --leases_;
}

status gradient_slots::check_push(layer_id layer, bool last) const {
  const layer_layout& placed = where_.at(layer);
  const std::string& name = declared_.at(layer).name;
  if (complete_[layer.value]) {
    return failure{errc::wrong_order,
                   fmt::format("layer \"{}\" is pushed after its last push of this step", name)};
  }
  if (!last && placed.tiles > 0 && homes_.at({placed.first_tile}).sums.empty()) {
    return failure{errc::wrong_order,
                   fmt::format("layer \"{}\" has no sums for a further push; seal with "
                               "several_pushes (--several-pushes)",
                               name)};
  }
  for (const parameter_id tied : declared_.at(layer).tied) {
    if (complete_[declared_.at(tied).layer.value]) {
      return failure{
          errc::wrong_order,
          fmt::format("\"{}\" is pushed through layer \"{}\" after the last push of its own "
                      "layer",
                      declared_.at(tied).name, name)};
    }
  }
  return {};
}

status gradient_slots::push(gradient_lease gradient, bool last, stream_ref stream) {
  const layer_id layer = gradient.layer();
  if (auto allowed = check_push(layer, last); !allowed) {
    return allowed;
  }
  const time_point begin = time_.now();
  const layer_layout& placed = where_.at(layer);
  clear_frozen(gradient, stream);
  const bool summed = placed.tiles > 0 && is_summed(placed, homes_.at({placed.first_tile}));
  for (std::size_t i = summed ? 0 : placed.own_parameters; i < placed.parameters.size(); ++i) {
    const parameter_id which = placed.parameters[i].which;
    if (declared_.at(which).options.trainable) {
      if (auto added = add(which, gradient.gradient(which), stream); !added) {
        return added;
      }
    }
  }
  if (!summed) {
    round_and_download(gradient, slots_[gradient.slot()], stream);
  }
  pushed_[layer.value] = true;
  complete_[layer.value] = last;
  passed_ += time_.now() - begin;
  return {};
}

/// A frozen parameter takes no part: not in the norm, not in the update.
void gradient_slots::clear_frozen(const gradient_lease& gradient, stream_ref stream) {
  for (const auto& [which, range] : where_.at(gradient.layer()).parameters) {
    if (!declared_.at(which).options.trainable) {
      (void)homes_.on_device().fill_zero(bytes_of(gradient.gradient(which)), stream);
    }
  }
}

void gradient_slots::round(const chunk& part, std::span<const float> source, std::byte* target,
                           update_backend& by, stream_ref stream) {
  const layer_layout& placed = where_.at(where_.at(part.tile).layer);
  const std::uint64_t first = placed.first_block + part.range.begin / block_elements;
  const std::span sums = std::span(block_sums_).subspan(first, part.range.count / block_elements);
  std::uint32_t found = found_nothing;
  by.encode_gradient(source, placed.bytes_of().weights, target, sums, found, stream);
  if (found != found_nothing) {
    std::atomic_ref(findings_).fetch_or(found, std::memory_order_relaxed);
  }
}

void gradient_slots::round_and_download(const gradient_lease& gradient, slot& from,
                                        stream_ref stream) {
  const std::vector<chunk>& chunks = chunks_[gradient.layer().value];
  const std::uint64_t width = size_of(where_.at(gradient.layer()).bytes_of().weights).value;
  std::vector<ticket>& downloads = from.downloads;
  downloads.resize(chunks.size());
  workers_.for_each(chunks.size(), [&](std::size_t i) {
    const chunk& part = chunks[i];
    const auto source = gradient.memory().subspan(part.range.begin.value, part.range.count.value);
    const tile_home& home = homes_.at(part.tile);
    const auto target =
        home.gradient.subspan((part.range.begin - where_.at(part.tile).range.begin).value * width,
                              part.range.count.value * width);
    if (home.where == place::device) {
      round(part, source, target.data(), homes_.on_device().updates(), stream);
      return;
    }
    const std::span<std::byte> rounded = bytes_of(source).first(target.size());
    round(part, source, rounded.data(), homes_.on_device().updates(), stream);
    (void)homes_.on_device().order_links_after(stream);
    downloads[i] = homes_.on_device().download().submit(
        {.address = address_of(rounded), .memory = target, .urgency = priority::write_back});
  });
  std::erase_if(downloads, [](const ticket& each) { return !each.valid(); });
}

std::span<float> gradient_slots::sums_of(const chunk& part) const {
  return homes_.at(part.tile).sums.subspan(
      (part.range.begin - where_.at(part.tile).range.begin).value, part.range.count.value);
}

status gradient_slots::add(parameter_id which, std::span<float> gradient, stream_ref stream) {
  const element_range home = where_.range_of(which);
  std::vector<chunk> on_device;
  std::vector<chunk> in_host;
  for (const chunk& part : chunks_of(declared_.at(which).layer, home)) {
    (homes_.at(part.tile).where == place::device ? on_device : in_host).push_back(part);
  }
  const bool first = !summed_[which.value];
  workers_.for_each(on_device.size(), [&](std::size_t i) {
    const chunk& part = on_device[i];
    const auto source =
        gradient.subspan((part.range.begin - home.begin).value, part.range.count.value);
    if (first) {
      (void)homes_.on_device().copy(bytes_of(sums_of(part)), bytes_of(source), stream);
    } else {
      homes_.on_device().updates().accumulate(sums_of(part), source, stream);
    }
  });
  if (auto ordered = homes_.on_device().order_links_after(stream); !ordered) {
    return ordered;
  }
  if (first) {
    std::vector<ticket> downloads;
    for (const chunk& part : in_host) {
      const auto source =
          gradient.subspan((part.range.begin - home.begin).value, part.range.count.value);
      downloads.push_back(homes_.on_device().download().submit(
          {.address = address_of(bytes_of(source)), .memory = bytes_of(sums_of(part))}));
    }
    summed_[which.value] = true;
    status outcome;
    for (const ticket& each : downloads) {
      if (auto arrived = each.wait(); !arrived) {
        outcome = arrived;
      }
    }
    return outcome;
  }
  return add_from_device(in_host, home, gradient);
}

/// Two staging buffers: while one chunk is added, the next one is on its way.
status gradient_slots::add_from_device(const std::vector<chunk>& chunks, element_range home,
                                       std::span<float> gradient) {
  const auto staged = [&](std::size_t i) {
    return homes_.chunk_staging(i % 2).first(chunks[i].range.count.value * sizeof(float));
  };
  const auto start = [&](std::size_t i) {
    const auto source =
        gradient.subspan((chunks[i].range.begin - home.begin).value, chunks[i].range.count.value);
    return homes_.on_device().download().submit(
        {.address = address_of(bytes_of(source)), .memory = staged(i)});
  };
  ticket next = chunks.empty() ? ticket{} : start(0);
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const ticket current = std::exchange(next, i + 1 < chunks.size() ? start(i + 1) : ticket{});
    if (auto arrived = current.wait(); !arrived) {
      if (next.valid()) {
        (void)next.wait();
      }
      return arrived;
    }
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

status gradient_slots::settle_all() {
  status outcome;
  for (slot& each : slots_) {
    if (auto settled = settle(each); !settled) {
      outcome = settled;
    }
  }
  return outcome;
}

status gradient_slots::complete() {
  if (auto settled = settle_all(); !settled) {
    return settled;
  }
  for (std::uint32_t i = 0; i < where_.layers().size(); ++i) {
    const layer_layout& placed = where_.layers()[i];
    if (!placed.trainable()) {
      continue;
    }
    if (!pushed_[i]) {
      return failure{errc::wrong_order, fmt::format("step() before layer \"{}\" was pushed",
                                                    declared_.at(layer_id{i}).name)};
    }
    if (placed.tiles > 0 && is_summed(placed, homes_.at({placed.first_tile}))) {
      round_sums({i});
    }
  }
  return {};
}

void gradient_slots::round_sums(layer_id layer) {
  for (const auto& [which, range] : where_.at(layer).parameters) {
    if (declared_.at(which).layer == layer && !summed_[which.value]) {
      for (const chunk& part : chunks_of(layer, range)) {
        std::ranges::fill(sums_of(part), 0.0F);
      }
    }
  }
  const std::vector<chunk>& chunks = chunks_[layer.value];
  const std::uint64_t width = size_of(where_.at(layer).bytes_of().weights).value;
  workers_.for_each(chunks.size(), [&](std::size_t i) {
    const tile_home& home = homes_.at(chunks[i].tile);
    update_backend& by = home.where == place::device ? homes_.on_device().updates() : host_updates_;
    const std::uint64_t first =
        (chunks[i].range.begin - where_.at(chunks[i].tile).range.begin).value;
    round(chunks[i], sums_of(chunks[i]), home.gradient.data() + first * width, by, {});
  });
}

void gradient_slots::reset() {
  complete_.assign(complete_.size(), false);
  pushed_.assign(pushed_.size(), false);
  summed_.assign(summed_.size(), false);
  findings_ = found_nothing;
}

double gradient_slots::sum_of_squares() const {
  double sum = 0;
  for (const layer_layout& placed : where_.layers()) {
    if (placed.trainable()) {
      const std::uint64_t blocks = placed.size / block_elements;
      for (std::uint64_t i = 0; i < blocks; ++i) {
        sum += block_sums_[placed.first_block + i];
      }
    }
  }
  return sum;
}

}  // namespace ballast
