#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <ballast/rounding.hpp>
#include <nvme/nvme_store.hpp>
#include <nvme/queue_choice.hpp>
#include <nvme/store_link.hpp>

namespace ballast::nvme {

namespace {

/// Names this run in every digest; from the clock where the kernel gives no random bytes.
std::uint64_t make_run_id(const clock& time) {
  std::uint64_t run = 0;
  if (::getrandom(&run, sizeof run, 0) == sizeof run) return run;
  return static_cast<std::uint64_t>(time.now().time_since_epoch().count());
}

class nvme_store final : public store {
 public:
  nvme_store(std::string description, std::vector<segment> segments, std::unique_ptr<io_loop> loop,
             std::uint32_t slices, const clock& time)
      : description_(std::move(description)),
        segments_(std::move(segments)),
        digests_(make_run_id(time), slices),
        read_meter_(time),
        write_meter_(time),
        loop_(std::move(loop)),
        read_("read", io_op::read, *loop_, read_meter_),
        write_("write", io_op::write, *loop_, write_meter_) {}

  std::string description() const override { return description_; }
  bytes alignment() const override { return loop_->map().alignment.extent; }
  link& read() override { return read_; }
  link& write() override { return write_; }

  result<extent> allocate(bytes size, std::uint32_t slices) override;
  void stamp(const extent& where, std::uint32_t index, const slice_pieces& pieces) override {
    digests_.stamp(where, index, pieces);
  }
  status check(const extent& where, std::uint32_t index, const slice_pieces& pieces) const override;

 private:
  const std::string description_;
  const std::vector<segment> segments_;
  digest_table digests_;
  std::mutex mutex_;
  bytes given_;                     // guarded by mutex_
  std::uint32_t slices_given_ = 0;  // guarded by mutex_
  link_meter read_meter_;
  link_meter write_meter_;
  const std::unique_ptr<io_loop> loop_;  // ends before the meters and files it uses
  store_link read_;
  store_link write_;
};

result<extent> nvme_store::allocate(bytes size, std::uint32_t slices) {
  if (size == bytes{0}) return failure{errc::invalid_argument, "an extent of no bytes"};
  const std::lock_guard hold(mutex_);
  const bytes left = loop_->map().size - given_;
  if (size > left || round_up(size, alignment()) > left) {
    return failure{
        errc::no_space,
        fmt::format(
            "extent of {} bytes: {} of {} are left in {}; raise the SIZE of --nvme DIR:SIZE",
            size.value, left.value, loop_->map().size.value, description_)};
  }
  if (slices > digests_.capacity() - slices_given_) {
    return failure{errc::no_space,
                   fmt::format("extent of {} slices: {} of {} digests are left", slices,
                               digests_.capacity() - slices_given_, digests_.capacity())};
  }
  const extent made{{given_.value}, round_up(size, alignment()), slices_given_, slices};
  given_ += made.size;
  slices_given_ += slices;
  return made;
}

status nvme_store::check(const extent& where, std::uint32_t index,
                         const slice_pieces& pieces) const {
  const auto verdict = digests_.check(where, index, pieces);
  if (verdict == digest_table::verdict::same) return {};
  const auto at = loop_->map().locate(where.address.value);
  const bool never = verdict == digest_table::verdict::never_stamped;
  return failure{never ? errc::wrong_order : errc::corrupted,
                 fmt::format("slice {} of the extent at offset {} of {}: {}", index, at.offset,
                             loop_->map().files[at.file].name,
                             never ? "read before it was ever written"
                                   : "the bytes read are not the bytes last written; the disk, "
                                     "its path or memory is faulty")};
}

result<std::vector<segment>> open_segments(const store_options& options, bytes size) {
  auto directory = open_directory(options.directory);
  if (!directory) return directory.error();
  if (auto room = check_space(*directory, options.directory, size); !room) return room.error();
  std::vector<segment> segments;
  for (bytes begin{0}; begin < size; begin += options.segment_limit) {
    const bytes length = std::min(size - begin, options.segment_limit);
    auto made = segment::open(*directory, options.directory, length, segments.size());
    if (!made) return made.error();
    segments.push_back(std::move(made).value());
  }
  return segments;
}

segment_map map_of(const std::vector<segment>& segments, bytes segment_limit, bytes size) {
  segment_map map;
  for (const auto& file : segments) map.files.push_back({file.descriptor(), file.name()});
  map.segment_size = segment_limit;
  map.size = size;
  map.alignment = segments.front().alignment();
  return map;
}

}  // namespace

result<std::unique_ptr<store>> make_store(const store_options& options) {
  if (options.size == bytes{0}) {
    return failure{errc::invalid_argument, "an NVMe store of no bytes"};
  }
  const bytes unit = io_alignment{}.extent;
  require(options.segment_limit.value % unit.value == 0, "segments are whole sectors");
  const bytes size = round_up(options.size, unit);
  auto segments = open_segments(options, size);
  if (!segments) return segments.error();
  auto loop =
      io_loop::start({.time = options.time,
                      .deadline = options.deadline,
                      .on_note = options.on_note,
                      .staging_count = options.staging_buffers,
                      .arena = options.arena},
                     map_of(*segments, options.segment_limit, size),
                     options.open_queue ? options.open_queue : choose_queue(options.backend));
  if (!loop) return loop.error();
  const std::string& note = segments->front().note();
  auto description = fmt::format("{}, {}, {}", (*loop)->description(),
                                 note.empty() ? "O_DIRECT" : note, options.directory);
  return std::unique_ptr<store>(
      std::make_unique<nvme_store>(std::move(description), std::move(segments).value(),
                                   std::move(loop).value(), options.slices, options.time));
}

}  // namespace ballast::nvme
