# Linking libraries into kiln instead of loading them at each start (each shared library costs 0.1 to 0.5 ms then).
# Only a preference: where a distribution has no static library, or the compiler no static runtime, the shared one is used.
option(KILN_STATIC "Link libraries statically where that is possible" OFF)
if(KILN_STATIC)
  list(PREPEND CMAKE_FIND_LIBRARY_SUFFIXES ".a")  # Before any find_package or pkg_check_modules.
endif()

# kiln_link_runtime(TARGET): the C++ runtime too, when nothing else in the program needs the shared one: two of
# them in one program would not know each other's exceptions.
function(kiln_link_runtime target)
  if(NOT TARGET kiln_fmt OR KILN_SANITIZE)
    return()
  endif()
  find_package(SQLiteCpp REQUIRED)
  get_target_property(sqlitecpp SQLiteCpp TYPE)
  if(NOT sqlitecpp STREQUAL "STATIC_LIBRARY")
    return()
  endif()
  include(CheckCXXSourceCompiles)
  set(CMAKE_REQUIRED_LINK_OPTIONS -static-libstdc++ -static-libgcc)
  check_cxx_source_compiles("#include <string>\nint main(int n, char** v) { return std::string(v[n - 1]).empty(); }"
    KILN_HAS_STATIC_RUNTIME)
  if(KILN_HAS_STATIC_RUNTIME)
    target_link_options(${target} PRIVATE -static-libstdc++ -static-libgcc)
  endif()
endfunction()
