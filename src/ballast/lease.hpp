// Borrowed buffers that return themselves: a layer's weights, a layer's gradient, the caller's
// memory. Move-only; each must end before the engine does.
#pragma once

#include <ballast/encoding.hpp>
#include <ballast/result.hpp>
#include <ballast/types.hpp>
#include <span>
#include <utility>
#include <vector>

namespace ballast {

/// Where a parameter lies inside a layer's buffer: its own parameters first, those tied to it
/// behind.
struct placed_parameter {
  parameter_id which;
  element_range range;  ///< in elements of the layer's buffer
};

/// Who takes a lease back.
class lease_keeper {
 public:
  virtual ~lease_keeper() = default;
  virtual void give_back(std::uint32_t slot) = 0;
};

/// One slot of a keeper, given back once.
class slot_lease {
 public:
  slot_lease() = default;
  slot_lease(lease_keeper& keeper, std::uint32_t slot) : keeper_(&keeper), slot_(slot) {}
  slot_lease(slot_lease&& other) noexcept
      : keeper_(std::exchange(other.keeper_, nullptr)), slot_(other.slot_) {}
  slot_lease& operator=(slot_lease&& other) noexcept {
    if (this != &other) {
      end();
      keeper_ = std::exchange(other.keeper_, nullptr);
      slot_ = other.slot_;
    }
    return *this;
  }
  ~slot_lease() { end(); }

  bool held() const { return keeper_ != nullptr; }
  std::uint32_t slot() const { return slot_; }
  void end() {
    if (lease_keeper* keeper = std::exchange(keeper_, nullptr)) {
      keeper->give_back(slot_);
    }
  }

 private:
  lease_keeper* keeper_ = nullptr;
  std::uint32_t slot_ = 0;
};

/// Where one parameter's weights are while its layer is leased.
struct parameter_memory {
  parameter_id which;
  std::span<const std::byte> memory;
};

/// A layer's weights on the device, in the compute type, until the lease ends.
///
/// Memory:  device memory; the host device's may be read by the CPU
class weights_lease {
 public:
  weights_lease(slot_lease slot, layer_id layer, dtype type,
                std::span<const parameter_memory> parameters)
      : slot_(std::move(slot)), layer_(layer), type_(type), parameters_(parameters) {}

  layer_id layer() const { return layer_; }
  dtype type() const { return type_; }
  /// The elements of one of the layer's own or tied parameters; asking for another is a contract
  /// failure.
  std::span<const std::byte> weights(parameter_id which) const;
  void end() { slot_.end(); }

 private:
  slot_lease slot_;
  layer_id layer_;
  dtype type_;
  std::span<const parameter_memory> parameters_;
};

/// A layer's fp32 gradient on the device, zero when handed out; the caller adds to it.
///
/// A lease that ends without a push drops its gradient (an abandoned micro-batch).
class gradient_lease {
 public:
  gradient_lease(slot_lease slot, layer_id layer, std::span<float> memory,
                 std::span<const placed_parameter> parameters)
      : slot_(std::move(slot)), layer_(layer), memory_(memory), parameters_(parameters) {}

  layer_id layer() const { return layer_; }
  std::span<float> gradient(parameter_id which) const;
  std::span<float> memory() const { return memory_; }
  bool held() const { return slot_.held(); }
  std::uint32_t slot() const { return slot_.slot(); }
  void end() { slot_.end(); }

 private:
  slot_lease slot_;
  layer_id layer_;
  std::span<float> memory_;
  std::span<const placed_parameter> parameters_;
};

/// Memory of the caller's own, under the engine's budgets.
class memory_lease {
 public:
  memory_lease() = default;
  memory_lease(slot_lease slot, std::span<std::byte> memory)
      : slot_(std::move(slot)), memory_(memory) {}

  std::span<std::byte> span() const { return memory_; }

 private:
  slot_lease slot_;
  std::span<std::byte> memory_;
};

}  // namespace ballast
