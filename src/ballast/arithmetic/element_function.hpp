// Marks the functions of one element, which the scalar reference and the CUDA kernels share: the
// arithmetic of an update is written once. SIMD kernels write it again, on vectors, and are tested
// against it bit for bit.
//
// They need correctly rounded IEEE operations without fma, flush-to-zero or fast-math: the flags of
// the ballast_options target, on both compilers. They are always inlined, so that a file compiled
// for one instruction set lets no copy of them out to the others.
#pragma once

#ifdef __CUDACC__
#define BALLAST_ELEMENT __host__ __device__ __forceinline__
#else
#define BALLAST_ELEMENT [[gnu::always_inline]] inline
#endif
