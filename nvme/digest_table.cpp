#define XXH_STATIC_LINKING_ONLY  // the state on the stack, and the widest vectors this CPU has
#include <xxh_x86dispatch.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <nvme/digest_table.hpp>

namespace ballast::nvme {

std::size_t digest_table::place(const extent& where, std::uint32_t index) const {
  require(index < where.slices, "a slice lies inside its extent");
  require(std::size_t{where.first_slice} + where.slices <= digests_.size(),
          "an extent comes from this store");
  return std::size_t{where.first_slice} + index;
}

digest digest_table::compute(const extent& where, std::uint32_t index,
                             const slice_pieces& pieces) const {
  const std::array<std::uint64_t, 3> key{run_, where.address.value, index};
  const std::uint64_t seed = XXH3_64bits(key.data(), sizeof key);
  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  XXH3_128bits_reset_withSeed(&state, seed);
  for (const auto& piece : pieces) {
    if (!piece.empty()) XXH3_128bits_update(&state, piece.data(), piece.size());
  }
  const XXH128_hash_t hash = XXH3_128bits_digest(&state);
  return {hash.low64, hash.high64};
}

void digest_table::stamp(const extent& where, std::uint32_t index, const slice_pieces& pieces) {
  digests_[place(where, index)] = compute(where, index, pieces);
}

digest_table::verdict digest_table::check(const extent& where, std::uint32_t index,
                                          const slice_pieces& pieces) const {
  const digest& stamped = digests_[place(where, index)];
  if (stamped == digest{}) return verdict::never_stamped;
  return stamped == compute(where, index, pieces) ? verdict::same : verdict::different;
}

std::span<const digest> digest_table::of(const extent& where) const {
  require(std::size_t{where.first_slice} + where.slices <= digests_.size(),
          "an extent comes from this store");
  return std::span(digests_).subspan(where.first_slice, where.slices);
}

void digest_table::set(const extent& where, std::span<const digest> digests) {
  require(digests.size() == where.slices, "an extent has a digest a slice");
  require(std::size_t{where.first_slice} + where.slices <= digests_.size(),
          "an extent comes from this store");
  std::copy(digests.begin(), digests.end(), digests_.begin() + where.first_slice);
}

}  // namespace ballast::nvme
