# Does every function of an instruction set's object file stay inside it?
#
#   cmake -DNM=nm -DOBJECTS=a.o;b.o -DFILES=regex -DTABLES=regex -P kernel_symbols.cmake
#
# FILES are the sources compiled for one instruction set, TABLES the symbols they may let out.
# A weak symbol compiled for AVX-512 could replace its plain twin at link time and stop older machines with
# an illegal instruction. So nothing but the kernel tables may be visible.
foreach(object IN LISTS OBJECTS)
  if(NOT object MATCHES "(${FILES})\\.cpp")
    continue()
  endif()
  math(EXPR checked "${checked} + 1")
  execute_process(COMMAND ${NM} -C --defined-only --extern-only ${object}
    OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  string(STRIP "${symbols}" symbols)
  string(REPLACE "\n" ";" symbols "${symbols}")
  foreach(symbol IN LISTS symbols)
    if(NOT symbol MATCHES " (${TABLES})$"
       AND NOT symbol MATCHES " (DW\\.ref\\.__gxx_personality_v0|__odr_asan[._].*)$")
      message(SEND_ERROR "${object} lets out ${symbol}")
    endif()
  endforeach()
endforeach()
if(NOT checked)
  message(FATAL_ERROR "no kernel object among: ${OBJECTS}")
endif()
message(STATUS "${checked} kernel objects keep their symbols")
