// Memory of transfer states, for whoever writes a link: blocks of one size that are reused, so that
// a transfer in steady state allocates nothing. It grows to the most tickets ever alive at once and
// shrinks only when it ends.
//
// Owned jointly by its link and by every block given out, so a ticket may outlive its link.
#pragma once

#include <ballast/assert.hpp>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

namespace ballast {

/// Threads: any
class block_pool {
 public:
  block_pool() = default;
  block_pool(const block_pool&) = delete;
  block_pool& operator=(const block_pool&) = delete;
  ~block_pool() {
    while (free_ != nullptr) {
      ::operator delete(std::exchange(free_, free_->next));
    }
  }

  void* take(std::size_t size) {
    const std::lock_guard hold(mutex_);
    require(size_ == 0 || size_ == size, "a block pool serves one size");
    size_ = size;
    if (free_ != nullptr) {
      return std::exchange(free_, free_->next);
    }
    ++made_;
    return ::operator new(size);
  }

  void give(void* block) {
    const std::lock_guard hold(mutex_);
    free_ = new (block) node{free_};
  }

  /// How many blocks were ever allocated.
  std::size_t made() const {
    const std::lock_guard hold(mutex_);
    return made_;
  }

 private:
  struct node {
    node* next;
  };

  mutable std::mutex mutex_;
  node* free_ = nullptr;  // guarded by mutex_
  std::size_t size_ = 0;  // guarded by mutex_
  std::size_t made_ = 0;  // guarded by mutex_
};

/// The pool as std::allocate_shared wants it.
template <class Value>
class block_allocator {
 public:
  using value_type = Value;

  explicit block_allocator(std::shared_ptr<block_pool> pool) : pool_(std::move(pool)) {}
  template <class Other>
  block_allocator(const block_allocator<Other>& other) : pool_(other.pool()) {}

  Value* allocate(std::size_t count) {
    require(count == 1, "a block holds one object");
    static_assert(alignof(Value) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    return static_cast<Value*>(pool_->take(sizeof(Value)));
  }
  void deallocate(Value* block, std::size_t) { pool_->give(block); }

  const std::shared_ptr<block_pool>& pool() const { return pool_; }
  template <class Other>
  bool operator==(const block_allocator<Other>& other) const {
    return pool_ == other.pool();
  }

 private:
  std::shared_ptr<block_pool> pool_;
};

}  // namespace ballast
