# SPDX-License-Identifier: Apache-2.0
# howdah_module(NAME DEPS <modules...> LIBS <targets...>)
# One library from the folder's sources, and one test program for each kind of test beside them:
# x_test.cc (no I/O) -> NAME_test, x_pgtest.cc (real Postgres) -> NAME_pgtest. With HOWDAH_BENCH
# also x_bench.cc (Google Benchmark) -> NAME_bench.
# The allowed DEPS are the ones that src/layers.toml lets tools/layers.py accept.
function(howdah_module name)
  cmake_parse_arguments(arg "" "" "DEPS;LIBS" ${ARGN})
  file(GLOB_RECURSE all CONFIGURE_DEPENDS *.cc)
  set(sources ${all})
  list(FILTER sources EXCLUDE REGEX "_(test|pgtest|bench|fuzz)\\.cc$")
  list(TRANSFORM arg_DEPS PREPEND howdah_)
  add_library(howdah_${name} STATIC ${sources})
  target_link_libraries(howdah_${name} PUBLIC howdah_pch ${arg_DEPS} ${arg_LIBS})
  target_precompile_headers(howdah_${name} REUSE_FROM howdah_pch)
  if(HOWDAH_TESTS)
    howdah_test(${name} test "${all}")
    howdah_test(${name} pgtest "${all}")
  endif()
  if(HOWDAH_BENCH)
    howdah_bench(${name} "${all}")
  endif()
endfunction()

# howdah_bench(MODULE SOURCES): the benchmark program, or nothing where there is none.
function(howdah_bench module sources)
  list(FILTER sources INCLUDE REGEX "_bench\\.cc$")
  if(NOT sources)
    return()
  endif()
  add_executable(${module}_bench ${sources})
  target_link_libraries(${module}_bench PRIVATE howdah_${module} benchmark::benchmark_main)
  target_precompile_headers(${module}_bench REUSE_FROM howdah_pch)
endfunction()

# howdah_test(MODULE KIND SOURCES): the test program of one kind, or nothing where there is none.
function(howdah_test module kind sources)
  list(FILTER sources INCLUDE REGEX "_${kind}\\.cc$")
  if(NOT sources)
    return()
  endif()
  set(target ${module}_${kind})
  add_executable(${target} ${sources})
  target_link_libraries(${target} PRIVATE howdah_${module} GTest::gtest_main GTest::gmock)
  target_precompile_headers(${target} REUSE_FROM howdah_pch)
  add_test(NAME ${target} COMMAND ${target})
  set_tests_properties(${target} PROPERTIES LABELS ${kind} TIMEOUT 900)
endfunction()

# howdah_app(NAME DEPS <modules...>): a program of apps/, from all sources of its folder.
function(howdah_app name)
  cmake_parse_arguments(arg "" "" "DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  list(TRANSFORM arg_DEPS PREPEND howdah_)
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE howdah_pch ${arg_DEPS})
  target_precompile_headers(${name} REUSE_FROM howdah_pch)
endfunction()
