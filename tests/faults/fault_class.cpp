#include "tests/faults/fault_class.hpp"

#include <cerrno>

#include "tests/faults/seeded_draw.hpp"

namespace ballast::faults {

std::vector<fault_class> fault_classes() {
  using enum nvme::io_op;
  using enum remedy;
  const auto always = [](fault what) { return [what](std::size_t) { return what; }; };
  const auto any_bit = [](std::size_t n) { return flip(seeded_draw(n).next()); };
  const auto any_length = [](std::size_t n) { return shortened(seeded_draw(n).below(8000)); };
  const fault later = delay(std::chrono::milliseconds(1));
  return {
      {"read_eio", read, always(error(EIO)), io_failure},
      {"read_eintr", read, always(error(EINTR)), goes_on},
      {"read_eagain", read, always(error(EAGAIN)), goes_on},
      {"read_short_of_a_sector", read, always(shortened(511)), goes_on},
      {"read_one_sector", read, always(shortened(4096)), goes_on},
      {"read_short", read, any_length, goes_on},
      {"read_nothing", read, always(nothing()), io_failure},
      {"read_flipped", read, any_bit, found},
      {"read_misdirected", read, always(misdirected()), found},
      {"read_stale", read, always(stale_read()), found},
      {"read_delayed", read, always(later), goes_on},
      {"read_reordered", read, always(reorder()), goes_on},
      {"read_hung", read, always(hang()), goes_on},
      {"write_eio", write, always(error(EIO)), io_failure},
      {"write_enospc", write, always(error(ENOSPC)), no_space},
      {"write_eintr", write, always(error(EINTR)), goes_on},
      {"write_eagain", write, always(error(EAGAIN)), goes_on},
      {"write_short_of_a_sector", write, always(shortened(511)), goes_on},
      {"write_one_sector", write, always(shortened(4096)), goes_on},
      {"write_short", write, any_length, goes_on},
      {"write_nothing", write, always(nothing()), goes_on},
      {"write_flipped", write, any_bit, found},
      {"write_torn_at_512", write, always(torn(512)), found},
      {"write_torn_at_4096", write, always(torn(4096)), found},
      {"write_lost", write, always(lost_write()), found},
      {"write_misdirected", write, always(misdirected()), found},
      {"write_delayed", write, always(later), goes_on},
      {"write_reordered", write, always(reorder()), goes_on},
      {"write_hung", write, always(hang()), goes_on},
  };
}

}  // namespace ballast::faults
