// One collective that a rank takes part in, on memory of its own, with values from which every result
// is known; and plain loops that move as many bytes, as its limit.
//
// Equal shards of whole blocks: so MPI's simplest calls can do the same.
#pragma once

#include <ballast/communicator.hpp>
#include <memory>
#include <vector>

#include "tools/bench/memory_traffic.hpp"

namespace ballast::tools {

/// `library_sum`: a reduce-scatter that need not be ordered.
enum class collective_operation : unsigned char {
  all_reduce,
  reduce_scatter,
  library_sum,
  all_gather
};
std::string_view to_string(collective_operation which);

/// Two arrays of a rank, each as large as the largest whole.
struct collective_memory {
  std::unique_ptr<memory_region> whole;
  std::unique_ptr<memory_region> other;

  /// Of both, for wholes of `largest` bytes.
  static bytes needed(bytes largest, std::uint32_t ranks);
  /// Errors: as communicator::make_region
  static result<collective_memory> make(communicator& ranks, bytes largest);
};

class collective_job {
 public:
  /// `size` is rounded up to whole blocks for every rank. Everything given outlives it.
  collective_job(communicator& ranks, const collective_memory& memory,
                 collective_operation operation, bytes size, dtype type);

  collective_operation operation() const { return operation_; }
  dtype type() const { return type_; }
  /// Of the whole.
  bytes size() const { return {whole_.size()}; }
  std::span<std::byte> whole() const { return whole_; }
  std::span<std::byte> shard() const { return shard_; }
  /// What all ranks together read and write.
  bytes moved() const;

  /// Gives this rank what it brings, and poisons where the result will be.
  void fill();
  /// How many elements of the result are not what they should be.
  std::uint64_t wrong() const;
  status run(collective_tag tag);

  /// Plain loops: every way to move the same bytes of arrays of this rank.
  std::vector<traffic_variant> limit_variants() const;
  /// At most of `most` elements of each array.
  void move_bytes_only(const traffic_variant& how, elements most) const;

 private:
  bool sums() const { return operation_ != collective_operation::all_gather; }
  bool gathers() const {
    return operation_ == collective_operation::all_reduce ||
           operation_ == collective_operation::all_gather;
  }
  std::int64_t value(std::uint64_t of_rank, std::uint64_t at) const;
  std::int64_t sum(std::uint64_t at) const;
  void put(std::byte* to, std::int64_t value) const;
  std::vector<worked_array> summed_arrays() const;
  std::vector<worked_array> gathered_arrays() const;

  communicator& ranks_;
  collective_operation operation_;
  dtype type_;
  bytes width_;
  std::vector<element_range> shards_;
  element_range own_;
  std::span<std::byte> whole_;
  std::span<std::byte> shard_;  ///< in its place where shards are gathered, else in the other array
  std::span<std::byte> other_;
};

}  // namespace ballast::tools
