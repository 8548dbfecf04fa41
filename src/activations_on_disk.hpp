// Activations on NVMe, in pages with a digest each. A buffer goes round (relay_buffers):
//
//   store   page --> download --> stamp --> write --> next page
//   load    page --> read --> check --> upload --> next page
//
// No link's thread computes a digest: a worker does. Where a folder does not take a page another one
// does, if there is one with room. Ends when nothing is under way.
#pragma once

#include <ballast/block_pool.hpp>
#include <unordered_map>

#include "arrival.hpp"
#include "relay_buffers.hpp"
#include "stored_activations.hpp"
#include "tile_homes.hpp"
#include "workers.hpp"

namespace ballast {

class activations_on_disk final : public stored_activations {
 public:
  /// Places `pages` on the store of `homes`.
  ///
  /// Errors: no_space
  static result<std::unique_ptr<activations_on_disk>> make(std::uint32_t pages, tile_homes& homes,
                                                           workers& threads);

  /// Errors: exhausted past the pages that were reserved
  result<activation_id> store(std::span<const std::byte> device_memory, stream_ref stream) override;
  status await_stored(activation_id which, stream_ref stream) override;
  status expect(activation_id which, std::span<std::byte> device_memory,
                stream_ref stream) override;
  status load(activation_id which, std::span<std::byte> device_memory, stream_ref stream) override;
  void settle() override { buffers_.wait(); }
  void drop() override;

 private:
  /// A page's bytes on their way to NVMe, or back to the device.
  struct request {
    tile_id page = {};  ///< of pages_
    std::span<std::byte> on_device = {};
    activation_id whose;
    priority urgency = priority::write_back;
    std::shared_ptr<arrival> left;  ///< the device, where it is stored; none where it is loaded
    std::shared_ptr<arrival> over;
  };
  using buffers = relay_buffers<activations_on_disk, request>;
  using buffer = buffers::buffer;

  struct kept {
    std::vector<tile_id> pages;
    bytes size;
    ticket left = {};     ///< the device
    ticket stored = {};   ///< all pages are written
    ticket brought = {};  ///< invalid until it is expected
    tier_address to = {};
  };

  activations_on_disk(std::uint32_t pages, tile_homes& homes, workers& threads);

  result<kept*> find(activation_id which, std::span<const std::byte> device_memory);
  void begin_load(activation_id which, kept& of, std::span<std::byte> device_memory,
                  priority urgency);
  void submit(const kept& of, std::span<std::byte> device_memory, request each);
  std::shared_ptr<arrival> all_pages(const kept& of);

  // On any thread.
  void begin(buffer& with);
  void download(buffer& with);
  void downloaded(buffer& with, const status& outcome);
  void written(buffer& with, const status& outcome);
  void read(buffer& with);
  void arrived(buffer& with, const status& outcome);
  void finish(buffer& with, const status& outcome);

  // On workers.
  void begin_write(buffer& with);
  void stamp_and_write(buffer& with);
  void change_folder(buffer& with, const failure& why);
  void check_and_upload(buffer& with);

  std::span<std::byte> moved(const buffer& with) const;

  tile_homes& homes_;
  workers& workers_;
  stored_tiles pages_;
  std::vector<tile_id> free_;
  std::unordered_map<std::uint32_t, kept> kept_;
  std::uint32_t next_ = 0;
  std::shared_ptr<block_pool> pool_ = std::make_shared<block_pool>();
  buffers buffers_;
};

}  // namespace ballast
