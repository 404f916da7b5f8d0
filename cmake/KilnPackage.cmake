# What `cmake --install` puts in a prefix, and the Debian package made of it.
# kiln looks for its agent and for kiln-cc relative to itself, so the prefix can be anywhere and can be moved.
if(TARGET kiln)
  # Written by kiln itself, from the same tables as its --help.
  set(generated "${CMAKE_BINARY_DIR}/generated")
  file(MAKE_DIRECTORY "${generated}")
  function(kiln_writes file)
    add_custom_command(OUTPUT "${generated}/${file}"
      COMMAND $<TARGET_FILE:kiln> ${ARGN} > "${generated}/${file}.new"
      COMMAND "${CMAKE_COMMAND}" -E rename "${generated}/${file}.new" "${generated}/${file}"
      DEPENDS kiln VERBATIM COMMENT "Writing ${file}")
    set_property(GLOBAL APPEND PROPERTY KILN_GENERATED "${generated}/${file}")
  endfunction()
  kiln_writes(kiln.bash completion bash)
  kiln_writes(_kiln completion zsh)
  kiln_writes(kiln.fish completion fish)
  kiln_writes(kiln.1 man)
  get_property(written GLOBAL PROPERTY KILN_GENERATED)
  add_custom_target(kiln_generated ALL DEPENDS ${written})
  install(FILES "${generated}/kiln.bash" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" RENAME kiln)
  install(FILES "${generated}/_kiln" DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions")
  install(FILES "${generated}/kiln.fish" DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d")
  install(FILES "${generated}/kiln.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
endif()
if(EXISTS "${CMAKE_SOURCE_DIR}/guest/agent/CMakeLists.txt")
  install(PROGRAMS "${CMAKE_BINARY_DIR}/guest/agent/kiln-agent" DESTINATION "${CMAKE_INSTALL_LIBEXECDIR}/kiln")
endif()
if(EXISTS "${CMAKE_SOURCE_DIR}/apps/kiln-cc/CMakeLists.txt")
  install(PROGRAMS "${CMAKE_BINARY_DIR}/apps/kiln-cc/kiln-cc" DESTINATION "${CMAKE_INSTALL_LIBEXECDIR}/kiln")
endif()
# What the libraries inside ask to be said.
set(notices "${CMAKE_BINARY_DIR}/generated/third-party-notices")
add_custom_command(OUTPUT "${notices}"
  COMMAND "${CMAKE_COMMAND}" "-DSOURCE=${CMAKE_SOURCE_DIR}" "-DOUT=${notices}" -P "${CMAKE_SOURCE_DIR}/cmake/KilnNotices.cmake"
  DEPENDS "${CMAKE_SOURCE_DIR}/docs/dependencies.md" "${CMAKE_SOURCE_DIR}/cmake/KilnNotices.cmake" VERBATIM
  COMMENT "Collecting licence notices")
add_custom_target(kiln_notices ALL DEPENDS "${notices}")
install(FILES "${notices}" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(FILES LICENSE README.md CONTRIBUTING.md DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(DIRECTORY docs/ DESTINATION "${CMAKE_INSTALL_DOCDIR}/docs" FILES_MATCHING PATTERN "*.md")

set(CPACK_PACKAGE_NAME kiln)
set(CPACK_PACKAGE_VENDOR "The kiln developers")
set(CPACK_PACKAGE_CONTACT "The kiln developers <developers@kiln.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "boot any Linux kernel and run a command in it")
set(CPACK_PACKAGE_DESCRIPTION
  "kiln boots a Linux kernel (a built tree, an installed one, a package or a bare\nimage) in a virtual machine in seconds and runs a command in it, with the\nhost's files, its pipes and its exit code. A panic is told apart from a hang,\na time limit and a failed command, and everything about a run is kept.")
set(CPACK_RESOURCE_FILE_LICENSE "${CMAKE_SOURCE_DIR}/LICENSE")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_GENERATOR "DEB;TGZ")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Loaded by name when a package is unpacked (src/archive/libarchive.h), so shlibdeps does not see it.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libarchive13 | libarchive13t64")
# So are elfutils and capstone, for the symbols of crashes alone.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "qemu-system-x86, libdw1 | libdw1t64, libcapstone4 | libcapstone5")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "qemu-utils, busybox-static, linux-image-amd64")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
