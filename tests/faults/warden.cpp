#include "tests/faults/warden.hpp"

#include <cstdio>
#include <cstdlib>

namespace ballast::faults {

using namespace std::chrono_literals;

warden::warden(std::string name, fault_script& script, manual_clock& time, const notebook& notes,
               bool expects_hang)
    : name_(std::move(name)), script_(script), time_(time), notes_(notes) {
  thread_ = std::thread([this, expects_hang] {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (expects_hang && script_.hanging() == 0 && std::chrono::steady_clock::now() < end) {
      if (over(200us)) return;
    }
    if (expects_hang) let_go();
    if (!over(patience)) give_up();
  });
}

warden::~warden() {
  {
    const std::lock_guard hold(mutex_);
    over_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

bool warden::over(nanoseconds limit) {
  std::unique_lock hold(mutex_);
  return changed_.wait_for(hold, limit, [this] { return over_; });
}

void warden::give_up() const {
  std::fprintf(stderr, "%s: no end after %lld s\n", name_.c_str(),
               static_cast<long long>(patience / 1s));
  std::abort();
}

/// Past the deadline, until that was said; past another one, in case it is said again; then on.
void warden::let_go() {
  time_.advance(deadline + 1s);
  const auto end = std::chrono::steady_clock::now() + patience;
  while (notes_.lines().empty()) {
    script_.wake();
    if (over(100us) || std::chrono::steady_clock::now() > end) give_up();
  }
  time_.advance(deadline + 1s);
  for (int i = 0; i < 3; ++i) {
    script_.wake();
    if (over(100us)) give_up();
  }
  script_.release();
}

}  // namespace ballast::faults
