# SPDX-License-Identifier: Apache-2.0
# One set of flags for the whole tree, and the precompiled header every module shares: the Asio and
# JSON headers alone cost seconds a file otherwise.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR "Howdah is built with clang-19 or newer (g++ 12 miscompiles coroutines): "
                      "use 'cmake --preset release', or ./run which installs it")
endif()

add_library(howdah_flags INTERFACE)
target_compile_options(howdah_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fno-omit-frame-pointer
  $<$<COMPILE_LANGUAGE:CXX>:-Wno-missing-field-initializers>)
target_compile_definitions(howdah_flags INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE SPDLOG_FMT_EXTERNAL
  HOWDAH_VERSION="${PROJECT_VERSION}")
target_include_directories(howdah_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_link_options(howdah_flags INTERFACE -fuse-ld=mold)
target_link_libraries(howdah_flags INTERFACE Threads::Threads)
# Under the sanitizers' instrumentation, optimising coroutines takes three times as long as all the
# rest of their compilation; tests mostly wait. Fuzzing is about speed.
set(howdah_debug_optimisation -O0)
if(HOWDAH_FUZZ)
  # Beast asserts that five bytes of a last chunk have come where four may have; released builds
  # have no assertions, and read on.
  add_compile_definitions(BOOST_DISABLE_ASSERTS)
  set(howdah_debug_optimisation -O1)
endif()
string(APPEND CMAKE_CXX_FLAGS_DEBUG " ${howdah_debug_optimisation} -gline-tables-only")
string(APPEND CMAKE_CXX_FLAGS_RELEASE " -gline-tables-only")
if(HOWDAH_SANITIZE)
  target_compile_options(howdah_flags INTERFACE
    -fsanitize=${HOWDAH_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(howdah_flags INTERFACE -fsanitize=${HOWDAH_SANITIZE})
endif()

# ccache needs the precompiled header to be free of time stamps.
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang>
                    $<$<COMPILE_LANGUAGE:CXX>:SHELL:-fno-pch-timestamp>)
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/empty.cc CONTENT "")
add_library(howdah_pch STATIC ${CMAKE_BINARY_DIR}/empty.cc)
target_link_libraries(howdah_pch PUBLIC
  howdah_flags Boost::headers Boost::json Boost::url fmt::fmt spdlog::spdlog)
target_precompile_headers(howdah_pch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch.h)
