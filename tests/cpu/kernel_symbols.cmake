# Does every function of an instruction set's object file stay inside it?
#
#   cmake -DNM=nm -DOBJECTS=a.o;b.o -P kernel_symbols.cmake
#
# A weak symbol compiled for AVX-512 could replace its plain twin at link time and stop older machines with
# an illegal instruction. So nothing but the kernel tables may be visible.
foreach(object IN LISTS OBJECTS)
  if(NOT object MATCHES "kernels/[a-z0-9]+\\.cpp")
    continue()
  endif()
  math(EXPR checked "${checked} + 1")
  execute_process(COMMAND ${NM} -C --defined-only --extern-only ${object}
    OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  string(STRIP "${symbols}" symbols)
  string(REPLACE "\n" ";" symbols "${symbols}")
  foreach(symbol IN LISTS symbols)
    if(NOT symbol MATCHES " ballast::cpu::[a-z0-9]+_kernels$"
       AND NOT symbol MATCHES " (DW\\.ref\\.__gxx_personality_v0|__odr_asan[._].*_kernels.*)$")
      message(SEND_ERROR "${object} lets out ${symbol}")
    endif()
  endforeach()
endforeach()
if(NOT checked)
  message(FATAL_ERROR "no kernel object among: ${OBJECTS}")
endif()
message(STATUS "${checked} kernel objects keep their symbols")
