// An allocator for many objects of one type that come and go: blocks are taken from the heap until
// as many exist as ever lived at once, then reused. std::allocate_shared with it makes a shared
// object without a heap allocation in the steady state.
//
// The pool lives as long as the last object or copy of its allocator. Any thread may allocate or
// free.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

namespace ballast::cpu {

/// Free blocks of one size, fixed by the first that is asked for.
class block_pool {
 public:
  block_pool() = default;
  block_pool(const block_pool&) = delete;
  block_pool& operator=(const block_pool&) = delete;
  ~block_pool() {
    for (void* block : free_) ::operator delete(block);
  }

  void* take(std::size_t size) {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      void* block = free_.back();
      free_.pop_back();
      return block;
    }
    ++blocks_;
    free_.reserve(blocks_);  // give() must not allocate
    return ::operator new(size);
  }

  void give(void* block) {
    const std::lock_guard lock(mutex_);
    free_.push_back(block);
  }

  /// How many blocks were ever taken from the heap.
  std::size_t blocks() const {
    const std::lock_guard lock(mutex_);
    return blocks_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<void*> free_;
  std::size_t blocks_ = 0;
};

template <class Value>
class pool_allocator {
 public:
  using value_type = Value;
  static_assert(alignof(Value) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);

  explicit pool_allocator(std::shared_ptr<block_pool> pool) : pool_(std::move(pool)) {}
  template <class Other>
  pool_allocator(const pool_allocator<Other>& other) : pool_(other.pool()) {}

  Value* allocate(std::size_t count) {
    return static_cast<Value*>(pool_->take(count * sizeof(Value)));
  }
  void deallocate(Value* block, std::size_t) { pool_->give(block); }

  const std::shared_ptr<block_pool>& pool() const { return pool_; }
  friend bool operator==(const pool_allocator& a, const pool_allocator& b) {
    return a.pool_ == b.pool_;
  }

 private:
  std::shared_ptr<block_pool> pool_;
};

}  // namespace ballast::cpu
