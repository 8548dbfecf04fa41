// Preloaded into a program: after SIGUSR1 the next operator new in its main thread throws, once. What
// mpi_train_failure_test.py makes a rank throw with.
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <new>

namespace {

std::atomic<bool> refused = false;

[[gnu::constructor]] void listen() {
  std::signal(SIGUSR1, [](int) { refused = true; });
}

}  // namespace

void* operator new(std::size_t size) {
  const bool refuse = ::gettid() == ::getpid() && refused.exchange(false);
  void* const memory = refuse ? nullptr : std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
