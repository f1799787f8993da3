# What every target of ours shares: warnings, and the arrows between folders.

add_library(zane_options INTERFACE)
target_compile_definitions(zane_options INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE
  ZANE_RELEASE="${PROJECT_VERSION}")
target_compile_options(zane_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wno-unused-parameter)
target_include_directories(zane_options INTERFACE ${PROJECT_SOURCE_DIR})

# On where we test (CMakePresets.json): a newer compiler or library of somebody else's
# may warn of more.
option(ZANE_WERROR "Warnings are errors" OFF)
if(ZANE_WERROR)
  target_compile_options(zane_options INTERFACE -Werror)
endif()

# A library of lib/ or of one service. Everything it links is private but
# what its headers show, so nothing arrives by accident.
function(zane_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC zane_options ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
endfunction()

function(zane_binary name)
  cmake_parse_arguments(arg "" "" "SOURCES;PRIVATE" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE zane_options ${arg_PRIVATE})
endfunction()

include(GoogleTest)
function(zane_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;PRIVATE" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test-bin)
  target_link_libraries(${name} PRIVATE zane_options ${arg_PRIVATE} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE ZANE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 120)
endfunction()
