// What bounds an update, in one instruction set: loops that do nothing but move bytes, in several
// variants, of which the fastest is a limit; and the arithmetic that no Adam step can leave out.
//
// Included by translation units that are compiled for one instruction set, so it includes nothing
// with a function body (cpu/README.md, Instruction sets).
#pragma once

#include <cstddef>

namespace ballast::tools {

enum class access : unsigned char { read, write, update };  ///< update: read and written in place

/// One of the arrays that a loop passes over side by side.
///
/// Memory:  begin is a multiple of 64; bytes_a_turn too
struct passed_array {
  std::byte* begin;
  std::size_t bytes_a_turn;
  access how;
};

/// The loops of one prefetch distance. `[streaming]`: with ordinary stores, with streaming ones.
///
/// Shapes:  sizes are multiples of 64 bytes, addresses too
struct traffic_loops {
  /// Every turn passes over bytes_a_turn of each array in order. [updates streamed][writes
  /// streamed]
  void (*pass[2][2])(const passed_array* arrays, std::size_t count, std::size_t turns);
  void (*read)(const std::byte* from, std::size_t size);
  void (*write[2])(std::byte* to, std::size_t size);
  void (*copy[2])(std::byte* to, const std::byte* from, std::size_t size);
  /// to = a + 3 b, in fp32
  void (*triad[2])(std::byte* to, const std::byte* a, const std::byte* b, std::size_t size);
};

/// 0: none. Beyond the prefetchers' own reach, up to a page.
inline constexpr std::size_t prefetch_distances[] = {0, 1024, 2560, 4096};

/// Added to the root: large enough to be seen in every quotient.
inline constexpr float floor_epsilon = 0.125f;

struct traffic_table {
  std::size_t vector_bytes;
  /// to = m / (sqrt(v) + floor_epsilon), in fp32; sizes and addresses are multiples of 64 bytes
  void (*root_and_quotient)(std::byte* to, const std::byte* m, const std::byte* v,
                            std::size_t size);
  traffic_loops loops[4];  ///< one a prefetch distance
};

extern const traffic_table sse2_traffic;
extern const traffic_table avx2_traffic;
extern const traffic_table avx512_traffic;

}  // namespace ballast::tools
