#include "checkpoints.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ballast/rounding.hpp>
#include <charconv>
#include <cstring>
#include <filesystem>

namespace ballast {
namespace {

constexpr std::string_view manifest_prefix = "manifest-";
constexpr std::string_view state_prefix = "state-";

// At most so much of a manifest's text is about each of these; names are not so long.
constexpr bytes manifest_slice{64};
constexpr bytes manifest_tile{1024};
constexpr bytes manifest_parameter{512};

std::string name_of(std::string_view prefix, std::uint64_t number) {
  return fmt::format("{}{:012}", prefix, number);
}

std::optional<std::uint64_t> number_in(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) {
    return std::nullopt;
  }
  name.remove_prefix(prefix.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool whole = error == std::errc() && end == name.data() + name.size();
  return whole ? std::optional(number) : std::nullopt;
}

/// The files in the folder itself by their name alone: it may be moved.
manifest relative_to(const std::string& folder, manifest of) {
  for (store_record& store : of.stores) {
    for (stored_files& part : store.files) {
      for (std::string& path : part.paths) {
        if (path.starts_with(folder + "/") && path.find('/', folder.size() + 1) == path.npos) {
          path.erase(0, folder.size() + 1);
        }
      }
    }
  }
  return of;
}

/// The way back.
///
/// Errors: corrupted: a name that leads out of the folder
status resolve_in(const std::string& folder, manifest& of) {
  for (store_record& store : of.stores) {
    for (stored_files& part : store.files) {
      for (std::string& path : part.paths) {
        if (path.starts_with('/')) continue;
        if (path.empty() || path.find('/') != path.npos) {
          return failure{errc::corrupted, fmt::format("\"{}\" is no file of the folder", path)};
        }
        path = folder + "/" + path;
      }
    }
  }
  return {};
}

manifest::array listed(const store& in, std::uint32_t index, const extent& where) {
  return {index, where.address, where.size, in.digests(where)};
}

}  // namespace

result<std::unique_ptr<checkpoints>> checkpoints::open(std::unique_ptr<checkpoint_folder> folder,
                                                       const model& declared, const layout& where,
                                                       const engine_config& config,
                                                       tile_homes& homes, backends& parts) {
  std::unique_ptr<checkpoints> made(new checkpoints(declared, where, config, homes, parts));
  made->folder_ = std::move(folder);
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
  const auto names = folder_->names();
  if (!names) {
    return names.error();
  }
  for (const std::string& name : *names) {
    if (const auto number = number_in(name, manifest_prefix)) {
      const auto text = folder_->read(name);
      if (!text) {
        return text.error();
      }
      auto read = manifest::parse(*text);
      const status usable = read ? resolve_in(folder_->path(), *read) : status(read.error());
      if (!usable) {
        return failure{usable.error().code,
                       fmt::format("{}/{}: {}", folder_->path(), name, usable.error().message)};
      }
      kept_.push_back({*number, *std::move(read)});
    }
  }
  std::ranges::sort(kept_, {}, &kept::number);
  ours_ = kept_.empty();
  for (const std::string& name : *names) {
    const auto number = number_in(name, state_prefix);
    if (number && !std::ranges::count(kept_, *number, &kept::number)) {
      if (auto removed = folder_->remove(name); !removed) {
        return removed;
      }
    }
  }
  return {};
}

checkpoints::file_size checkpoints::next_file() const {
  file_size of;
  for (std::uint32_t i = 0; i < where_.tiles().size(); ++i) {
    const tile& each = where_.tiles()[i];
    for (const tile_array array : lasting_arrays) {
      if (!homes_.at({i}).on_nvme(array)) {
        of.size += round_up(size_of(array, where_.at(each.layer).arrays(), each.range.count),
                            extent_alignment);
        of.slices += static_cast<std::uint32_t>(count_up(each.range.count, slice_elements));
      }
    }
  }
  of.size = std::max(of.size, extent_alignment);  // a file also where nothing lies in memory
  return of;
}

/// A save writes the new checkpoint before it gives the oldest one up.
status checkpoints::refuse_small_folder() const {
  const auto room = folder_->room();
  if (!room) {
    return {};
  }
  const auto [size, slices] = next_file();
  const bytes one =
      round_up(size + manifest_slice * slices + manifest_tile * where_.tiles().size() +
                   manifest_parameter * declared_.parameters().size(),
               extent_alignment);
  const std::uint64_t there = kept_.size();
  const std::uint64_t wanted = std::max<std::uint64_t>(config_.kept_checkpoints + 1, there + 1);
  const std::uint64_t fit = there + *room / one;
  if (wanted <= fit) {
    return {};
  }
  const std::string remedy =
      fit > std::max<std::uint64_t>(there, 1)
          ? fmt::format("--keep-checkpoints {} would fit", fit - 1)
          : "free as much there, or give --checkpoint a folder on another disk";
  return failure{
      errc::no_space,
      fmt::format("{}: {} checkpoints of {} bytes more are wanted there, one beyond what "
                  "is kept, {} bytes together; {} are free; {}",
                  folder_->path(), wanted - there, one.value, (one * (wanted - there)).value,
                  room->value, remedy)};
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
  manifest made{.steps = at.steps,
                .updates = at.updates,
                .noise_seed = at.noise_seed,
                .slice = slice_elements,
                .stores = {},
                .layers = layers_of(declared_, where_),
                .runs = {},
                .blob = std::string(blob)};
  const auto [size, slices] = next_file();
  const std::string state_name = name_of(state_prefix, number);
  auto into = parts_.make_kept_store(config_, state_name, size, slices);
  const status saved = into ? fill(made, **into) : status(into.error());
  if (!saved) {
    (void)folder_->remove(state_name);
    return saved.error();
  }
  const auto text = relative_to(folder_->path(), made).text();
  if (!text) {
    (void)folder_->remove(state_name);
    return text.error();
  }
  const std::string name = name_of(manifest_prefix, number);
  if (auto committed = folder_->commit(name, *text); !committed) {
    // Whether the name is there nobody knows: it goes, or no further save can be trusted.
    const status undone = folder_->remove(name);
    broken_ = undone ? status() : committed;
    if (undone) {
      (void)folder_->remove(state_name);
    }
    return committed.error();
  }
  for (const tile_array each : lasting_arrays) {
    if (homes_.on_disk() != nullptr) {
      homes_.stored(each).keep(number);
    }
  }
  kept_.push_back({number, std::move(made)});
  while (kept_.size() > config_.kept_checkpoints) {
    if (auto forgotten = forget_oldest(); !forgotten) {
      return forgotten.error();
    }
  }
  return size;
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
  if (auto removed = folder_->remove(name_of(manifest_prefix, kept_.front().number)); !removed) {
    return removed;
  }
  const kept oldest = std::move(kept_.front());
  kept_.erase(kept_.begin());
  for (const tile_array each : lasting_arrays) {
    if (homes_.on_disk() != nullptr) {
      homes_.stored(each).drop(oldest.number);
    }
  }
  (void)folder_->remove(name_of(state_prefix, oldest.number));  // what stays the next start removes
  for (const store_record& each : oldest.what.stores) {
    const bool still_needed =
        (homes_.on_disk() != nullptr && each.run == homes_.on_disk()->record().run) ||
        std::ranges::any_of(kept_, [&](const kept& other) {
          return std::ranges::any_of(other.what.stores,
                                     [&](const store_record& its) { return its.run == each.run; });
        });
    if (!still_needed) {
      (void)parts_.remove_store(each);  // in use by a reader: the next start collects it
    }
  }
  return {};
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
  if (!reader) {
    return reader.error();
  }
  array_restorer restorer(newest, where_, homes_, **reader);
  status restored;
  for (std::uint32_t i = 0; i < where_.tiles().size() && restored; ++i) {
    restored = restorer.restore({i});
  }
  if (auto finished = restorer.finish(); !finished && restored) {
    restored = finished;
  }
  if (!restored) {
    return restored.error();
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
