#include <fmt/format.h>

#include <nvme/nvme_path.hpp>

namespace ballast::nvme {

result<std::unique_ptr<nvme_path>> nvme_path::start(const loop_options& options, queue_opener open,
                                                    files over, std::uint64_t begin) {
  segment_map map;
  for (const auto& file : over.segments) map.files.push_back({file.descriptor(), file.name()});
  map.segment_size = over.segment_size;
  map.size = over.size;
  map.alignment = over.segments.front().alignment();
  std::unique_ptr<nvme_path> made(new nvme_path(std::move(over), begin));
  auto loop = io_loop::start(options, std::move(map), std::move(open));
  if (!loop) return loop.error();
  made->loop_ = *std::move(loop);
  return made;
}

status nvme_path::open_positional(const performer_opener& open, bytes request_limit) {
  std::vector<int> descriptors;
  for (const auto& file : loop_->map().files) descriptors.push_back(file.descriptor);
  auto opened = open(descriptors);
  if (!opened) return opened.error();
  positional_.emplace(loop_->map(), request_limit, *std::move(opened));
  return {};
}

std::vector<ticket> nvme_path::sync(link_meter& meter) {
  std::vector<ticket> asked;
  for (std::uint64_t at = begin_; at < end(); at += over_.segment_size.value) {
    asked.push_back(submit(io_op::sync, {.address = {at}, .memory = {}}, meter));
  }
  return asked;
}

std::string nvme_path::place_of(std::uint64_t address) const {
  const auto at = loop_->map().locate(address - begin_);
  return fmt::format("offset {} of {}", at.offset, loop_->map().files[at.file].name);
}

std::string nvme_path::description() const {
  const std::string& note = over_.segments.front().note();
  return fmt::format("{}{}, {}",
                     is_positional() ? "pread/pwrite by the update's workers; all else: " : "",
                     loop_->description(), note.empty() ? "O_DIRECT" : note);
}

}  // namespace ballast::nvme
