// Which request meets which fault: the n-th of all, the n-th read, all in one folder, every one, or as
// a seed draws. Also
// the test's view of what passed the queue, and its hand on what hangs there.
//
// Made by a test, outlives the queues that ask it, whose requests it counts together; any thread. Plans
// are made before use.
#pragma once

#include <array>
#include <map>
#include <mutex>
#include <nvme/segment_map.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/faults/fault.hpp"
#include "tests/faults/seeded_draw.hpp"

namespace ballast::faults {

/// What each request is checked against; the default lets everything pass.
struct seam_rules {
  nvme::io_alignment alignment;
  std::uint64_t segment_size = ~std::uint64_t{0};
};

class fault_script {
 public:
  explicit fault_script(const seam_rules& rules = {}) : rules_(rules) {}

  // The plan: a request's own fault goes before from(), and that before what is drawn.

  /// n counts from 0 and from the first request ever.
  void plan(std::size_t n, fault what);
  void plan(nvme::io_op of, std::size_t n, fault what);
  /// The n-th of all requests and every later one.
  void from(std::size_t n, fault what);
  void every(fault what) { from(0, what); }
  /// In one folder only: the n-th `of` its files, and every later one. One such plan a script; before
  /// from(), after a request's own.
  void from(const std::string& folder, nvme::io_op of, std::size_t n, fault what);
  void draw(std::uint64_t seed, std::uint32_t one_in, std::vector<fault> among);

  // While it runs

  /// Everything hangs from now on.
  void hold_all();
  /// What hangs goes on, and nothing is held any more.
  void release();
  /// Lets who waits for completions look at its clock.
  void wake();

  std::size_t seen() const;
  std::size_t seen(nvme::io_op of) const;
  /// Of those that from(folder, ...) is about.
  std::size_t seen_in_folder() const;
  std::vector<nvme::io_request> requests() const;
  /// Requests that met a fault.
  std::size_t struck() const;
  /// Requests that hang now.
  std::size_t hanging() const;

  // The queue's side

  const seam_rules& rules() const { return rules_; }
  /// A fault is planned that needs what writes replace.
  bool wants_history() const;
  /// `file`: its path
  fault next(const nvme::io_request& request, const std::string& file);
  /// The fault could do nothing to its request.
  void spared();
  void attach(nvme::io_queue* queue);
  void detach(nvme::io_queue* queue);
  void starts_hanging();
  /// How often release() was called.
  std::uint64_t releases() const;

 private:
  struct folder_plan {
    std::string folder;
    nvme::io_op of{};
    std::size_t first = 0;
    fault what;
    std::size_t seen = 0;

    bool meant(const nvme::io_request& request, const std::string& file) const {
      return request.op == of && file.starts_with(folder + "/");
    }
  };

  fault chosen(const nvme::io_request& request, const std::string& file);
  void note_need(const fault& what);

  const seam_rules rules_;
  mutable std::mutex mutex_;
  // Guarded by mutex_, all of it.
  std::map<std::size_t, fault> of_all_;
  std::map<std::pair<nvme::io_op, std::size_t>, fault> of_op_;
  std::optional<fault> lasting_;
  std::size_t lasts_from_ = 0;
  std::optional<folder_plan> in_folder_;
  std::optional<seeded_draw> draw_;
  std::uint32_t one_in_ = 0;
  std::vector<fault> among_;
  bool history_ = false;
  std::vector<nvme::io_request> log_;
  std::array<std::size_t, 3> seen_{};  ///< by operation
  std::size_t struck_ = 0;
  std::size_t hanging_ = 0;
  bool holding_ = false;
  std::uint64_t releases_ = 0;
  std::vector<nvme::io_queue*> queues_;
};

}  // namespace ballast::faults
