#include "comm/one_rank.hpp"

#include <ballast/assert.hpp>
#include <cstring>

#include "comm/private_region.hpp"
#include "comm/settled_ticket.hpp"

namespace ballast::comm {
namespace {

void copy_unless_same(std::span<std::byte> to, std::span<const std::byte> from) {
  require(to.size() == from.size(), "a shard is as long as its range");
  if (!to.empty() && to.data() != from.data()) {
    std::memmove(to.data(), from.data(), to.size());
  }
}

class one_rank final : public communicator {
 public:
  std::string_view name() const override { return "one rank"; }
  rank self() const override { return {0}; }
  std::uint32_t size() const override { return 1; }
  std::uint32_t host_size() const override { return 1; }

  result<std::unique_ptr<memory_region>> make_region(bytes size) override {
    return make_private_region(size);
  }

  ticket reduce_scatter(const reduction& what, collective_tag, completion done) override {
    if (const status arrived = wait_for_all(what.after); !arrived) {
      return settled_ticket(arrived).give(done);
    }
    // The sum of one value is that value, already rounded.
    copy_unless_same(what.shard, own(what.whole, what.shards, size_of(what.type)));
    return over_.give(done);
  }

  ticket all_gather(const gathering& what, collective_tag, completion done) override {
    if (const status arrived = wait_for_all(what.after); !arrived) {
      return settled_ticket(arrived).give(done);
    }
    copy_unless_same(own(what.whole, what.shards, what.element), what.shard);
    return over_.give(done);
  }

  result<bool> any(bool mine, collective_tag) override { return mine; }

  rank_traffic received() const override { return {}; }

  void abort(std::string_view) override {}  // nobody else is there to hear it

 private:
  template <class Byte>
  static std::span<Byte> own(std::span<Byte> whole, shard_ranges shards, bytes width) {
    require(shards.size() == 1, "a range a rank");
    return whole.subspan(shards[0].begin.value * width.value, shards[0].count.value * width.value);
  }

  settled_ticket over_;
};

}  // namespace

std::unique_ptr<communicator> make_one_rank_communicator() { return std::make_unique<one_rank>(); }

}  // namespace ballast::comm
