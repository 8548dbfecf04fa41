#include <algorithm>
#include <ballast/rounding.hpp>
#include <nvme/io_piece.hpp>
#include <nvme/streaming_copy.hpp>

namespace ballast::nvme {

namespace {
bool multiple(std::uint64_t value, bytes unit) { return value % unit.value == 0; }
}  // namespace

bool io_piece::direct(const io_transfer& whole, const io_alignment& alignment) {
  return multiple(whole.address(), alignment.sector) &&
         multiple(whole.size().value, alignment.sector) &&
         multiple(reinterpret_cast<std::uintptr_t>(whole.rest().data()), alignment.memory);
}

io_piece::io_piece(std::shared_ptr<io_transfer> owner, const segment_map& map, std::size_t limit,
                   std::span<std::byte> stage)
    : owner_(std::move(owner)), stage_(stage) {
  const auto rest = owner_->rest();
  const auto at = map.locate(owner_->rest_address());
  file_ = at.file;
  const bytes sector = map.alignment.sector;
  lead_ = stage.empty() ? 0 : at.offset % sector.value;
  offset_ = at.offset - lead_;
  const std::size_t room = stage.empty() ? limit : stage.size() - lead_;
  const std::size_t size = std::min({rest.size(), room, static_cast<std::size_t>(at.left)});
  if (stage.empty()) {
    memory_ = rest.first(size);
  } else {
    target_ = rest.first(size);
    memory_ = stage.first(round_up(bytes{lead_ + size}, sector).value);
    if (owner_->op() == io_op::write) streaming_copy(target_, memory_.first(size));
  }
  owner_->carve(size);
}

io_request io_piece::request(std::uint64_t tag) const {
  return {owner_->op(), file_, offset_ + done_, memory_.subspan(done_), tag};
}

bool io_piece::advance(std::size_t moved, bytes sector) {
  const std::size_t reached = done_ + moved;
  require(reached <= memory_.size(), "a request moves at most what was asked");
  const std::size_t kept = reached == memory_.size() ? reached : reached - reached % sector.value;
  return std::exchange(done_, kept) != kept;
}

void io_piece::copy_out() const { streaming_copy(memory_.subspan(lead_, target_.size()), target_); }

}  // namespace ballast::nvme
