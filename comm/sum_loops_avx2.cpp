#include "comm/sum_loops_body.hpp"

namespace ballast::comm {

const sum_loops avx2_sums = all_sums;

}  // namespace ballast::comm
