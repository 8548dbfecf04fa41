// The ranks of a run that live in this process: all of them, as threads, or under mpirun one.
//
// Owned by a subcommand. Each rank's body runs in a thread of its own but rank 0's or this process's
// only one, which is the caller's.
#pragma once

#include <ballast/config.hpp>
#include <ballast/ranks.hpp>
#include <functional>

namespace ballast::tools {

class world {
 public:
  /// Errors: invalid_argument where --ranks and mpirun disagree; those of joining
  static result<world> join(std::uint32_t ranks);

  /// Which rank a body is, and what joins it to the others; alone: no communicator.
  struct member {
    rank self;
    std::uint32_t ranks = 1;
    std::uint32_t host_ranks = 1;
    std::unique_ptr<communicator> door;

    bool speaks() const { return self.value == 0; }
    /// Into a configuration that was read from options.
    void set(engine_config& config) const;
    /// A rank's share of the cores, for `asked` 0.
    std::uint32_t threads(std::uint32_t asked) const;
  };

  /// Runs body(member) for every rank here, once. A rank whose body fails tells the others why.
  ///
  /// Throws what a body threw, when all are over.
  ///
  /// Returns: the failure of a rank that failed by itself, if one did, else the first
  status run(const std::function<status(member)>& body);

  std::uint32_t size() const { return size_; }
  /// The first of the ranks here.
  rank first() const { return first_; }
  /// Whether this process has the rank that prints.
  bool speaks() const { return first_.value == 0; }

 private:
  rank first_{};
  std::uint32_t size_ = 1;
  std::vector<member> members_;
};

}  // namespace ballast::tools
