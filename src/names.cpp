#include <ballast/encoding.hpp>

namespace ballast {

std::string_view to_string(dtype type) {
  switch (type) {
    case dtype::f32: return "f32";
    case dtype::bf16: return "bf16";
    case dtype::f16: return "f16";
  }
  return "?";
}

std::string_view to_string(encoding stored) {
  switch (stored) {
    case encoding::fp32: return "fp32";
    case encoding::exact: return "exact";
    case encoding::fp16: return "fp16";
    case encoding::bf16: return "bf16";
    case encoding::int8: return "int8";
  }
  return "?";
}

}  // namespace ballast
