// What LeakSanitizer may pass over, in every test program however it is started. Elsewhere never called.

extern "C" const char* __lsan_default_suppressions();

// oneTBB leaves an observer's proxy of 40 bytes to a worker that is just leaving the arena (2021.8; seen in
// one run of three).
extern "C" const char* __lsan_default_suppressions() { return "leak:tbb::detail::r1::observe\n"; }
