// Which kernel serves a recipe.
#include <ballast/assert.hpp>

#include "gpu/errors.hpp"
#include "gpu/kernels.hpp"

namespace ballast::gpu {

status launch_update(const update_recipe& recipe, const state_view& view, std::uint32_t* findings,
                     stream_ref stream) {
  require(view.first.value % scale_group.value == 0, "a run starts at a group of 128");
  if (view.count.value == 0) {
    return {};
  }
  switch (recipe.stored) {
    case encoding::fp32: launch_update_fp32(recipe, view, stream); break;
    case encoding::exact: launch_update_exact(recipe, view, findings, stream); break;
    case encoding::fp16: launch_update_fp16(recipe, view, findings, stream); break;
    case encoding::bf16: launch_update_bf16(recipe, view, findings, stream); break;
    case encoding::int8: launch_update_int8(recipe, view, findings, stream); break;
  }
  return checked(cudaGetLastError(), "launching the update");
}

}  // namespace ballast::gpu
