#include "comm/sum_loops_body.hpp"

namespace ballast::comm {

const sum_loops avx512_sums = all_sums;

}  // namespace ballast::comm
