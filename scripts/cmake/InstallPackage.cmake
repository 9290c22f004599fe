# The package that find_package(attnbench) finds: the headers of plugins, the sources of variants/api that they are compiled with,
# and attnbench_add_plugin().
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(ATTNBENCH_INSTALL_CMAKE ${CMAKE_INSTALL_LIBDIR}/cmake/attnbench)
set(ATTNBENCH_INSTALL_API ${CMAKE_INSTALL_DATADIR}/attnbench/plugin/api)

install(DIRECTORY variants/plugin/include/attnbench DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
# registry.h is the host's table of built-in variants, which a plugin cannot see.
install(DIRECTORY variants/api DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/attnbench/variants
  FILES_MATCHING PATTERN "*.h" PATTERN registry.h EXCLUDE)
install(DIRECTORY variants/api/ DESTINATION ${ATTNBENCH_INSTALL_API} FILES_MATCHING PATTERN "*.cpp")

configure_package_config_file(scripts/cmake/attnbenchConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/attnbenchConfig.cmake
  INSTALL_DESTINATION ${ATTNBENCH_INSTALL_CMAKE}
  PATH_VARS ATTNBENCH_INSTALL_API CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_BINDIR)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/attnbenchConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/attnbenchConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/attnbenchConfigVersion.cmake
  scripts/cmake/AddPlugin.cmake DESTINATION ${ATTNBENCH_INSTALL_CMAKE})
