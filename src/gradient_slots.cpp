#include "gradient_slots.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ballast/rounding.hpp>

namespace ballast {
namespace {

std::span<std::byte> bytes_of(std::span<float> values) { return std::as_writable_bytes(values); }

}  // namespace

gradient_slots::gradient_slots(const model& declared, const layout& where, const blueprint& drawn,
                               tile_homes& homes, update_backend& host_updates,
                               const tile_work& stamps, workers& threads, peers& ranks)
    : declared_(declared),
      where_(where),
      homes_(homes),
      workers_(threads),
      rounding_(where, homes),
      sums_(declared, where, homes, host_updates, threads, rounding_),
      relay_(where, homes, stamps, threads),
      peers_(ranks),
      exchange_(where, homes, rounding_, relay_, threads, ranks),
      slots_(drawn.gradient_slots.count),
      complete_(where.layers().size()),
      pushed_(where.layers().size()) {}

gradient_slots::~gradient_slots() {
  require(leases_ == 0, "a gradient_lease ends before its engine");
  (void)settle_all();
}

status gradient_slots::settle(slot& which) {
  const status outcome = wait_for_all(which.downloads);
  which.downloads.clear();
  return outcome;
}

result<gradient_lease> gradient_slots::lease(layer_id layer, stream_ref stream) {
  const layer_layout& placed = where_.at(layer);
  if (!placed.takes_gradient) {
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
  if (auto settled = settle(slots_[index]); !settled) {
    return settled.error();
  }
  const active_span busy(homes_.log(), activity::optimizer, "zero", subject::of(layer));
  const std::span<std::byte> memory =
      homes_.gradient_slot(index).first(placed.buffer.value * sizeof(float));
  const std::uint64_t step = chunk_elements.value * sizeof(float);
  workers_.for_each((memory.size() + step - 1) / step, [&](std::size_t i) {
    const std::size_t at = i * step;
    passes_.note(homes_.on_device().fill_zero(
        memory.subspan(at, std::min<std::size_t>(step, memory.size() - at)), stream));
  });
  if (auto zeroed = passes_.take(); !zeroed) {
    return zeroed.error();
  }
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
  const std::string& name = declared_.at(layer).name;
  if (complete_[layer.value]) {
    return failure{errc::wrong_order,
                   fmt::format("layer \"{}\" is pushed after its last push of this step", name)};
  }
  if (!last && !sums_.exist_for(layer)) {
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
  if (auto summed = exchange_.advance(); !summed) {
    return summed;
  }
  if (auto allowed = check_push(layer, last); !allowed) {
    return allowed;
  }
  const layer_layout& placed = where_.at(layer);
  clear_frozen(gradient, stream);
  const bool summed = sums_.exist_for(layer);
  for (std::size_t i = summed ? 0 : placed.own_parameters; i < placed.parameters.size(); ++i) {
    const parameter_id which = placed.parameters[i].which;
    if (declared_.at(which).options.trainable) {
      if (auto added = sums_.add(which, gradient.gradient(which), stream); !added) {
        return added;
      }
    }
  }
  if (!summed && placed.trainable()) {
    slot& from = slots_[gradient.slot()];
    if (auto moved = peers_.alone() ? round_and_download(gradient, from, stream)
                                    : round_and_exchange(gradient, from, stream);
        !moved) {
      return moved;
    }
  }
  if (auto cleared = passes_.take(); !cleared) {
    return cleared;
  }
  pushed_[layer.value] = true;
  complete_[layer.value] = last;
  return {};
}

/// Frozen parameters and the gaps between parameters take no part: not in the norm, not in the
/// update.
void gradient_slots::clear_frozen(const gradient_lease& gradient, stream_ref stream) {
  const active_span busy(homes_.log(), activity::optimizer, "clear", subject::of(gradient.layer()));
  const layer_layout& placed = where_.at(gradient.layer());
  elements end;
  for (std::size_t i = 0; i <= placed.own_parameters; ++i) {
    const bool last = i == placed.own_parameters;
    const elements next = last ? placed.size : placed.parameters[i].range.begin;
    const auto gap = gradient.memory().subspan(end.value, (next - end).value);
    if (!gap.empty()) {
      passes_.note(homes_.on_device().fill_zero(bytes_of(gap), stream));
    }
    end = last ? end : placed.parameters[i].range.end();
  }
  for (const auto& [which, range] : placed.parameters) {
    if (!declared_.at(which).options.trainable) {
      passes_.note(homes_.on_device().fill_zero(bytes_of(gradient.gradient(which)), stream));
    }
  }
}

status gradient_slots::round_and_download(const gradient_lease& gradient, slot& from,
                                          stream_ref stream) {
  const std::vector<gradient_chunk>& chunks = rounding_.chunks(gradient.layer());
  device& on = homes_.on_device();
  from.downloads.resize(chunks.size());
  from.layer = gradient.layer();
  const active_span busy(homes_.log(), activity::optimizer, "round", subject::of(gradient.layer()));
  workers_.for_each(chunks.size(), [&](std::size_t i) {
    const gradient_chunk& part = chunks[i];
    const auto source = gradient.memory().subspan(part.range.begin.value, part.range.count.value);
    const tile_home& at = homes_.at(part.tile);
    if (at.where == place::device) {
      rounding_.round(part, source, rounding_.home_of(part).data(), on.updates(), stream);
      return;
    }
    // In place: a rounded chunk is no longer than its source.
    rounding_.round(part, source, bytes_of(source).data(), on.updates(), stream);
    passes_.note(on.order_links_after(stream));
    if (!at.on_nvme(tile_array::gradient)) {
      const std::span<std::byte> home = rounding_.home_of(part);
      from.downloads[i] =
          homes_.download().submit({.address = address_of(bytes_of(source).first(home.size())),
                                    .memory = home,
                                    .urgency = priority::write_back,
                                    .whose = subject::of(part.tile)});
    }
  });
  std::erase_if(from.downloads, [](const ticket& each) { return !each.valid(); });
  if (auto rounded = passes_.take(); !rounded) {
    return rounded;
  }
  const layer_layout& placed = where_.at(gradient.layer());
  for (std::uint32_t i = placed.first_tile; i < placed.first_tile + placed.tiles; ++i) {
    if (homes_.at({i}).on_nvme(tile_array::gradient)) {
      const element_range range = where_.tiles()[i].range;
      from.downloads.push_back(relay_.send(
          {i}, bytes_of(gradient.memory().subspan(range.begin.value, range.count.value)),
          size_of(dtype::f32)));
    }
  }
  return {};
}

/// What is summed over the ranks: at rest, once it has come there, or in memory of its own, so that the
/// slot is free at once.
status gradient_slots::round_and_exchange(const gradient_lease& gradient, slot& from,
                                          stream_ref stream) {
  const layer_id layer = gradient.layer();
  if (exchange_.at_rest()) {
    if (auto moved = round_and_download(gradient, from, stream); !moved) {
      return moved;
    }
    exchange_.begin(layer, from.downloads, stream);
    return {};
  }
  const auto target = exchange_.open(layer);
  if (!target) {
    return target.error();
  }
  const layer_layout& placed = where_.at(layer);
  const dtype type = placed.arrays().weights;
  device& on = homes_.on_device();
  {
    const active_span busy(homes_.log(), activity::optimizer, "round", subject::of(layer));
    workers_.for_each(count_up(placed.size, chunk_elements), [&](std::size_t i) {
      const element_range part =
          intersect({chunk_elements * i, chunk_elements}, {{0}, placed.size});
      gradient_rounding::encode(type, gradient.memory().subspan(part.begin.value, part.count.value),
                                target->subspan(part.begin.value * size_of(type).value).data(),
                                on.updates(), stream);
    });
  }
  exchange_.begin(layer, {}, stream);
  return {};
}

/// The same for a layer whose gradient was summed over several pushes before.
status gradient_slots::exchange_sums(layer_id layer) {
  if (exchange_.at_rest()) {
    sums_.round(layer);
    exchange_.begin(layer, {}, {});
    return {};
  }
  const auto target = exchange_.open(layer);
  if (!target) {
    return target.error();
  }
  sums_.round(layer, *target);
  exchange_.begin(layer, {}, {});
  return {};
}

bool gradient_slots::at_home(layer_id layer) const {
  const layer_layout& placed = where_.at(layer);
  for (std::uint32_t i = placed.first_tile; i < placed.first_tile + placed.tiles; ++i) {
    if (homes_.at({i}).on_nvme(tile_array::gradient) && !relay_.at_home({i})) {
      return false;
    }
  }
  return complete_[layer.value] && placed.trainable() && !sums_.exist_for(layer) &&
         (peers_.alone() || exchange_.at_home(layer)) &&
         std::ranges::none_of(slots_, [&](const slot& each) {
           return each.layer == layer &&
                  std::ranges::any_of(each.downloads, [](const ticket& download) {
                    const auto arrived = download.poll();
                    return !arrived || !*arrived;
                  });
         });
}

status gradient_slots::settle_all() {
  status outcome;
  for (slot& each : slots_) {
    if (auto settled = settle(each); !settled) {
      outcome = settled;
    }
  }
  const status summed = exchange_.settle();
  const status written = relay_.settle();
  outcome = outcome ? summed : outcome;
  return outcome ? written : outcome;
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
    if (sums_.exist_for({i}) && peers_.alone()) {
      sums_.round({i});
    } else if (sums_.exist_for({i})) {
      if (auto begun = exchange_sums({i}); !begun) {
        return begun;
      }
    }
  }
  if (auto summed = settle_all(); !summed) {
    return summed;
  }
  return peers_.alone() ? status() : rounding_.share_sums(peers_);
}

void gradient_slots::reset() {
  complete_.assign(complete_.size(), false);
  pushed_.assign(pushed_.size(), false);
  sums_.reset();
  rounding_.reset();
}

}  // namespace ballast
