#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <ballast/rounding.hpp>
#include <nvme/nvme_store.hpp>
#include <nvme/path_shares.hpp>
#include <nvme/queue_choice.hpp>
#include <nvme/run_folder.hpp>
#include <nvme/store_files.hpp>
#include <nvme/store_link.hpp>

namespace ballast::nvme {

namespace {

constexpr std::uint32_t demand_reserve_limit = 2;
constexpr std::uint32_t depth_ceiling = 1024;

/// Names this run in every digest; from the clock where the kernel gives no random bytes.
std::uint64_t make_run_id(const clock& time) {
  std::uint64_t run = 0;
  if (::getrandom(&run, sizeof run, 0) == sizeof run) return run;
  return static_cast<std::uint64_t>(time.now().time_since_epoch().count());
}

class nvme_store final : public store {
 public:
  /// `referred`: somebody refers to the files already.
  nvme_store(std::string description, path_list paths, std::uint64_t run,
             const store_options& options, bool referred)
      : description_(std::move(description)),
        on_note_(options.on_note),
        digests_(run, options.slices),
        read_("read", io_op::read, paths_, options.time),
        write_("write", io_op::write, paths_, options.time),
        sync_meter_(options.time),
        referred_(referred),
        paths_(std::move(paths)) {}
  ~nvme_store() override {
    const store_record left = files();
    paths_.clear();
    if (!referred_) (void)remove_store(left);  // what fails here is collected by the next run
  }

  std::string description() const override { return description_; }
  bytes alignment() const override { return paths_.front()->alignment(); }
  link& read() override { return read_; }
  link& write() override { return write_; }

  result<extent> allocate(bytes size, std::uint32_t slices) override;
  void release(const extent& where) override;
  bool avoid(const extent& where, const failure& why) override;
  void stamp(const extent& where, std::uint32_t index, const slice_pieces& pieces) override {
    digests_.stamp(where, index, pieces);
  }
  status check(const extent& where, std::uint32_t index, const slice_pieces& pieces) const override;
  status sync() override;
  std::vector<digest> digests(const extent& where) const override {
    const auto kept = digests_.of(where);
    return {kept.begin(), kept.end()};
  }
  result<extent> adopt(tier_address address, bytes size, std::span<const digest> kept) override;
  store_record record() override {
    referred_ = true;
    return files();
  }

 private:
  store_record files() const;
  result<std::uint32_t> take_slices(std::uint32_t count, bytes size);

  const std::string description_;
  const note_sink on_note_;
  digest_table digests_;
  std::mutex mutex_;
  std::uint32_t slices_given_ = 0;  // guarded by mutex_, as the paths' room is
  std::string first_refusal_;       ///< of a folder that is avoided; guarded by mutex_
  store_link read_;
  store_link write_;
  link_meter sync_meter_;
  status synced_;
  bool referred_;
  path_list paths_;  // their loops end before the meters they count in
};

/// Threads: with mutex_ held
result<std::uint32_t> nvme_store::take_slices(std::uint32_t count, bytes size) {
  // What lies in a folder that is avoided is not given out again, but its digests are, and before
  // new ones: so no size of extents ever takes more of them than its generations need.
  for (const auto& path : paths_) {
    if (!path->avoided) continue;
    if (const auto left_behind = path->room().reuse(size, count)) return left_behind->first_slice;
  }
  if (count <= digests_.capacity() - slices_given_) {
    return std::exchange(slices_given_, slices_given_ + count);
  }
  return failure{errc::no_space,
                 fmt::format("extent of {} slices: {} of {} digests are left", count,
                             digests_.capacity() - slices_given_, digests_.capacity())};
}

result<extent> nvme_store::allocate(bytes size, std::uint32_t slices) {
  if (size == bytes{0}) return failure{errc::invalid_argument, "an extent of no bytes"};
  const std::lock_guard hold(mutex_);
  bytes left;
  bytes whole;
  std::size_t avoided = 0;
  for (const auto& path : paths_) {
    avoided += path->avoided ? 1 : 0;
    left += path->avoided ? bytes{} : path->room().untouched();
    whole += path->avoided ? bytes{} : bytes{path->end() - path->begin()};
  }
  const bytes rounded = round_up(size, alignment());
  const std::string why =
      avoided > 0 ? fmt::format(
                        "the others are to hold what was in the {} of {} folders that take "
                        "no writes any more, the first since: {}; resume with folders that "
                        "hold all of it",
                        avoided, paths_.size(), first_refusal_)
                  : fmt::format("{}; raise the SIZE of --nvme DIR:SIZE", description_);
  const failure full{
      errc::no_space,
      fmt::format("extent of {} bytes: {} of {} are left for it, {} are missing: {}", rounded.value,
                  left.value, whole.value, (rounded - std::min(rounded, left)).value, why)};
  if (size > whole) return full;
  // Their shares are in proportion to their bandwidth: the emptiest one is next.
  std::vector<nvme_path*> emptiest_first;
  for (const auto& path : paths_) {
    if (!path->avoided) emptiest_first.push_back(path.get());
  }
  std::ranges::stable_sort(emptiest_first, {},
                           [](nvme_path* path) { return path->room().fullness(); });
  // Again before anew, wherever that is: so no size ever takes more than its generations need.
  for (nvme_path* const path : emptiest_first) {
    if (const auto again = path->room().reuse(rounded, slices)) return *again;
  }
  for (nvme_path* const path : emptiest_first) {
    if (rounded > path->room().untouched()) continue;
    const auto first = take_slices(slices, rounded);
    if (!first) return first.error();
    return extent{*path->room().extend(rounded), rounded, *first, slices};
  }
  return full;
}

void nvme_store::release(const extent& where) {
  const std::lock_guard hold(mutex_);
  path_of(paths_, where.address.value).room().give_back(where);
}

bool nvme_store::avoid(const extent& where, const failure& why) {
  const std::lock_guard hold(mutex_);
  nvme_path& failed = path_of(paths_, where.address.value);
  const bool left = std::ranges::any_of(
      paths_, [&](const auto& path) { return path.get() != &failed && !path->avoided; });
  if (left) failed.room().give_back(where);
  if (left && !std::exchange(failed.avoided, true)) {
    if (first_refusal_.empty()) first_refusal_ = why.message;
    const std::string line = fmt::format(
        "{}; the folder gets no further tiles, the others take them as far as they have room",
        why.message);
    on_note_ ? on_note_(line) : (void)std::fprintf(stderr, "ballast: %s\n", line.c_str());
  }
  return left;
}

status nvme_store::check(const extent& where, std::uint32_t index,
                         const slice_pieces& pieces) const {
  const auto verdict = digests_.check(where, index, pieces);
  if (verdict == digest_table::verdict::same) return {};
  const bool never = verdict == digest_table::verdict::never_stamped;
  return failure{never ? errc::wrong_order : errc::corrupted,
                 fmt::format("slice {} of the extent at {}: {}", index,
                             path_of(paths_, where.address.value).place_of(where.address.value),
                             never ? "read before it was ever written"
                                   : "the bytes read are not the bytes last written; the disk, "
                                     "its path or memory is faulty")};
}

status nvme_store::sync() {
  if (!synced_) return synced_;
  std::vector<ticket> asked;
  for (const auto& path : paths_) {
    for (auto& each : path->sync(sync_meter_)) asked.push_back(std::move(each));
  }
  for (const auto& each : asked) {
    if (auto outcome = each.wait(); !outcome && synced_) synced_ = outcome;
  }
  return synced_;
}

result<extent> nvme_store::adopt(tier_address address, bytes size, std::span<const digest> kept) {
  const auto& path = path_of(paths_, address.value);
  if (size == bytes{0} || address.value % alignment().value != 0 ||
      size.value % alignment().value != 0 || address.value >= path.end() ||
      size.value > path.end() - address.value) {
    return failure{errc::invalid_argument,
                   fmt::format("an extent of {} bytes at {} does not lie in {}", size.value,
                               address.value, description_)};
  }
  const std::lock_guard hold(mutex_);
  const auto first = take_slices(static_cast<std::uint32_t>(kept.size()), size);
  if (!first) return first.error();
  const extent adopted{address, size, *first, static_cast<std::uint32_t>(kept.size())};
  digests_.set(adopted, kept);
  return adopted;
}

store_record nvme_store::files() const {
  store_record made{digests_.run(), {}};
  for (const auto& path : paths_) {
    stored_files of = path->record();
    if (!of.paths.empty()) made.files.push_back(std::move(of));
  }
  return made;
}

/// What dead runs left would make a disk look full, and a slow one slower: it goes before any
/// folder is measured.
status collect_garbage(const store_options& options) {
  if (options.checkpoints.empty()) return {};
  for (const store_folder& each : options.folders) {
    if (auto usable = open_directory(each.directory); !usable) return usable.error();
  }
  for (const store_folder& each : options.folders) {
    for (const auto& note : collect_dead_runs(each.directory)) {
      options.on_note ? options.on_note(note) : (void)std::fprintf(stderr, "%s\n", note.c_str());
    }
  }
  return {};
}

/// What each folder gets; a lone one gets everything, unmeasured.
result<std::vector<bytes>> shares_of(const store_options& options) {
  std::vector<double> bandwidths;
  for (const store_folder& each : options.folders) {
    auto measured = each.bandwidth || options.folders.size() == 1
                        ? result<double>(each.bandwidth.value_or(1))
                        : measure_bandwidth(options, each);
    if (!measured) return measured.error();
    bandwidths.push_back(*measured);
  }
  return share_out(options.size, options.spare, options.folders, bandwidths);
}

/// The last of the slots that demand has for itself: of a shallow queue fewer.
std::uint32_t reserve_of(std::uint32_t depth) { return std::min(depth / 4, demand_reserve_limit); }

loop_options loop_of(const store_options& options) {
  return {.time = options.time,
          .deadline = options.deadline,
          .on_note = options.on_note,
          .depth = options.depth,
          .demand_reserve = reserve_of(options.depth),
          .request_limit = options.request,
          .staging_count = options.staging_buffers,
          .arena = options.arena};
}

queue_opener opener_of(const store_options& options) {
  return options.open_queue ? options.open_queue : choose_queue(options.backend);
}

/// Files and loops of a new store, in each folder that has a share.
result<std::unique_ptr<store>> build(const store_options& options, const std::vector<bytes>& shares,
                                     std::uint64_t run) {
  path_list paths;
  std::string description;
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    if (shares[i] == bytes{0}) continue;
    const std::string& directory = options.folders[i].directory;
    auto over = make_files(options, directory, shares[i], run);
    if (!over) return over.error();
    over->spare = shares.size() > 1 ? options.spare : bytes{};
    auto path = nvme_path::start(loop_of(options), opener_of(options), *std::move(over), end);
    if (!path) return path.error();
    if (options.backend == io_backend::inlined) {
      const performer_opener& open =
          options.open_positional ? options.open_positional : open_posix_performer;
      if (auto opened = (*path)->open_positional(open, options.request); !opened) {
        return opened.error();
      }
    }
    end = (*path)->end();
    description +=
        fmt::format("{}{}, {}", paths.empty() ? "" : "; ", (*path)->description(), directory);
    paths.push_back(*std::move(path));
  }
  return std::unique_ptr<store>(
      std::make_unique<nvme_store>(description, std::move(paths), run, options, false));
}

status check_requests(const store_options& options) {
  const std::uint64_t unit = io_alignment{}.extent.value;
  const std::uint64_t size = options.request.value;
  if (size == 0 || size % unit != 0 || size >= request_ceiling.value) {
    return failure{errc::invalid_argument,
                   fmt::format("requests of {} bytes: --io-request is a multiple of {} below 1 GiB",
                               size, unit)};
  }
  if (options.depth == 0 || options.depth > depth_ceiling) {
    return failure{
        errc::invalid_argument,
        fmt::format("{} requests under way: --io-depth is 1 to {}", options.depth, depth_ceiling)};
  }
  return {};
}

}  // namespace

result<std::unique_ptr<store>> make_store(const store_options& options) {
  if (options.size == bytes{0}) {
    return failure{errc::invalid_argument, "an NVMe store of no bytes"};
  }
  const bytes unit = io_alignment{}.extent;
  require(options.segment_limit.value % unit.value == 0, "segments are whole sectors");
  require(options.name.empty() || round_up(options.size, unit) <= options.segment_limit,
          "one name is one segment's");
  if (options.folders.empty()) {
    return failure{errc::invalid_argument, "an NVMe store without a folder"};
  }
  if (auto asked = check_requests(options); !asked) return asked.error();
  if (auto collected = collect_garbage(options); !collected) return collected.error();
  const auto shares = shares_of(options);
  if (!shares) return shares.error();
  const std::uint64_t run = make_run_id(options.time);
  auto made = build(options, *shares, run);
  if (!made && !options.checkpoints.empty()) {
    // What there was before the failing part would fill its disk until the next start.
    for (const store_folder& each : options.folders) {
      (void)remove_run(run_path(each.directory, run));
    }
  }
  return made;
}

result<std::unique_ptr<store>> open_store(const store_options& options,
                                          const store_record& record) {
  if (auto asked = check_requests(options); !asked) return asked.error();
  path_list paths;
  std::uint64_t end = 0;
  for (const stored_files& each : record.files) {
    if (each.begin != end || each.size == bytes{0} || each.segment_size == bytes{0}) {
      return failure{errc::invalid_argument, "a store's record has addresses without files"};
    }
    auto over = find_files(each);
    if (!over) return over.error();
    auto path = nvme_path::start(loop_of(options), opener_of(options), *std::move(over), end);
    if (!path) return path.error();
    end = (*path)->end();
    paths.push_back(*std::move(path));
  }
  if (paths.empty()) return failure{errc::invalid_argument, "a store's record names no files"};
  const std::string description =
      fmt::format("{}, {}", paths.front()->description(), record.files.front().paths.front());
  return std::unique_ptr<store>(
      std::make_unique<nvme_store>(description, std::move(paths), record.run, options, true));
}

status remove_store(const store_record& record) {
  for (const stored_files& each : record.files) {
    if (auto removed = remove_files(each, record.run); !removed) return removed;
  }
  return {};
}

}  // namespace ballast::nvme
