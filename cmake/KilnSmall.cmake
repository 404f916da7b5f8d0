# kiln_small_program(NAME TARGET target SOURCES files... HEADERS files... INCLUDES folders... DEFINES words...)
#
# With QUICK it is compiled for speed (-O2), else for size.
#
# The static program ${CMAKE_CURRENT_BINARY_DIR}/NAME, without exceptions and without the C++ library: by musl-gcc where there
# is one (smaller and quicker to start), else by static glibc. Its path is the property KILN_FILE of the target.
function(kiln_small_program name)
  cmake_parse_arguments(SMALL "QUICK" "TARGET" "SOURCES;HEADERS;INCLUDES;DEFINES" ${ARGN})
  set(flags -std=c++23 $<IF:$<BOOL:${SMALL_QUICK}>,-O2,-Os> -fno-exceptions -fno-rtti -fno-threadsafe-statics -fno-asynchronous-unwind-tables
    -fno-stack-protector -ffunction-sections -fdata-sections -Wall -Wextra -Wshadow -Wconversion
    -Wno-missing-field-initializers)
  list(TRANSFORM SMALL_DEFINES PREPEND "-D" OUTPUT_VARIABLE defines)
  list(TRANSFORM SMALL_INCLUDES PREPEND "-I" OUTPUT_VARIABLE includes)
  list(APPEND flags ${defines} ${includes})
  if(KILN_WERROR)
    list(APPEND flags -Werror)
  endif()
  set(link -Wl,--gc-sections -Wl,--build-id=none -s)
  set(program "${CMAKE_CURRENT_BINARY_DIR}/${name}")
  find_program(KILN_MUSL_GCC musl-gcc)
  find_program(KILN_GXX g++)
  if(KILN_MUSL_GCC AND KILN_GXX)
    add_custom_command(OUTPUT "${program}"
      COMMAND ${CMAKE_COMMAND} -E env REALGCC=${KILN_GXX} ${KILN_MUSL_GCC} ${flags} -no-pie -static -nodefaultlibs
        ${link} ${SMALL_SOURCES} -o "${program}" -lc -lgcc
      DEPENDS ${SMALL_SOURCES} ${SMALL_HEADERS} VERBATIM COMMENT "Building ${name} with musl")
  else()
    add_custom_command(OUTPUT "${program}"
      COMMAND ${CMAKE_CXX_COMPILER} ${flags} -static ${link} ${SMALL_SOURCES} -o "${program}"
      DEPENDS ${SMALL_SOURCES} ${SMALL_HEADERS} VERBATIM COMMENT "Building ${name} with static glibc")
  endif()
  add_custom_target(${SMALL_TARGET} ALL DEPENDS "${program}")
  set_property(TARGET ${SMALL_TARGET} PROPERTY KILN_FILE "${program}")
endfunction()
