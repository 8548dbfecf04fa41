#include "tests/faults/fault_script.hpp"

namespace ballast::faults {

void fault_script::note_need(const fault& what) {
  history_ = history_ || what.what == fault_kind::stale_read;
}

void fault_script::plan(std::size_t n, fault what) {
  const std::lock_guard hold(mutex_);
  note_need(what);
  of_all_[n] = what;
}

void fault_script::plan(nvme::io_op of, std::size_t n, fault what) {
  const std::lock_guard hold(mutex_);
  note_need(what);
  of_op_[{of, n}] = what;
}

void fault_script::from(std::size_t n, fault what) {
  const std::lock_guard hold(mutex_);
  note_need(what);
  lasting_ = what;
  lasts_from_ = n;
}

void fault_script::from(const std::string& folder, nvme::io_op of, std::size_t n, fault what) {
  const std::lock_guard hold(mutex_);
  note_need(what);
  in_folder_ = {folder, of, n, what, 0};
}

void fault_script::draw(std::uint64_t seed, std::uint32_t one_in, std::vector<fault> among) {
  const std::lock_guard hold(mutex_);
  for (const fault& each : among) note_need(each);
  draw_.emplace(seed);
  one_in_ = one_in;
  among_ = std::move(among);
}

void fault_script::hold_all() {
  const std::lock_guard hold(mutex_);
  holding_ = true;
}

void fault_script::release() {
  const std::lock_guard hold(mutex_);
  holding_ = false;
  hanging_ = 0;
  ++releases_;
  for (nvme::io_queue* const each : queues_) each->wake();
}

void fault_script::wake() {
  const std::lock_guard hold(mutex_);
  for (nvme::io_queue* const each : queues_) each->wake();
}

std::size_t fault_script::seen() const {
  const std::lock_guard hold(mutex_);
  return log_.size();
}

std::size_t fault_script::seen(nvme::io_op of) const {
  const std::lock_guard hold(mutex_);
  return seen_[static_cast<std::size_t>(of)];
}

std::size_t fault_script::seen_in_folder() const {
  const std::lock_guard hold(mutex_);
  return in_folder_ ? in_folder_->seen : 0;
}

std::vector<nvme::io_request> fault_script::requests() const {
  const std::lock_guard hold(mutex_);
  return log_;
}

std::size_t fault_script::struck() const {
  const std::lock_guard hold(mutex_);
  return struck_;
}

std::size_t fault_script::hanging() const {
  const std::lock_guard hold(mutex_);
  return hanging_;
}

bool fault_script::wants_history() const {
  const std::lock_guard hold(mutex_);
  return history_;
}

fault fault_script::next(const nvme::io_request& request, const std::string& file) {
  const std::lock_guard hold(mutex_);
  fault now = chosen(request, file);
  if (!applies(now.what, request.op)) now = {};
  if (now.what != fault_kind::none) ++struck_;
  log_.push_back(request);
  ++seen_[static_cast<std::size_t>(request.op)];
  if (in_folder_ && in_folder_->meant(request, file)) ++in_folder_->seen;
  return now;
}

fault fault_script::chosen(const nvme::io_request& request, const std::string& file) {
  if (holding_) return hang();
  if (const auto own = of_all_.find(log_.size()); own != of_all_.end()) return own->second;
  const auto own = of_op_.find({request.op, seen_[static_cast<std::size_t>(request.op)]});
  if (own != of_op_.end()) return own->second;
  if (in_folder_ && in_folder_->meant(request, file) && in_folder_->seen >= in_folder_->first) {
    return in_folder_->what;
  }
  if (lasting_ && log_.size() >= lasts_from_) return *lasting_;
  if (!draw_ || !draw_->one_in(one_in_)) return {};
  fault drawn = among_[draw_->below(among_.size())];
  if (drawn.what == fault_kind::flip) drawn.amount = draw_->next();
  return drawn;
}

void fault_script::spared() {
  const std::lock_guard hold(mutex_);
  --struck_;
}

void fault_script::attach(nvme::io_queue* queue) {
  const std::lock_guard hold(mutex_);
  queues_.push_back(queue);
}

void fault_script::detach(nvme::io_queue* queue) {
  const std::lock_guard hold(mutex_);
  std::erase(queues_, queue);
}

void fault_script::starts_hanging() {
  const std::lock_guard hold(mutex_);
  ++hanging_;
}

std::uint64_t fault_script::releases() const {
  const std::lock_guard hold(mutex_);
  return releases_;
}

}  // namespace ballast::faults
