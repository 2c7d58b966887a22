# SPDX-License-Identifier: Apache-2.0
# Text files inside the binary: no file to find at run time, and no other language needed to build.
# As a script (cmake -P), writes OUTPUT: a C++ function FUNCTION() that returns FILES.
# Included, gives howdah_embed(TARGET FUNCTION FILES...); FUNCTION is declared in embedded.h of the
# module.
if(CMAKE_SCRIPT_MODE_FILE)
  file(WRITE ${OUTPUT} "// Made by cmake/embed_text.cmake. Do not edit.\n"
    "#include \"control/embedded.h\"\n"
    "#pragma clang diagnostic ignored \"-Woverlength-strings\"\n"
    "namespace howdah::control {\n"
    "std::vector<EmbeddedFile> ${FUNCTION}() {\n  return {\n")
  foreach(file IN LISTS FILES)
    get_filename_component(name ${file} NAME)
    file(READ ${file} text)
    file(APPEND ${OUTPUT} "{\"${name}\", R\"~embedded~(${text})~embedded~\"},\n")
  endforeach()
  file(APPEND ${OUTPUT} "  };\n}\n}  // namespace howdah::control\n")
  return()
endif()

function(howdah_embed target function)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${function}.cc)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DFUNCTION=${function} "-DFILES=${ARGN}"
            -P ${CMAKE_SOURCE_DIR}/cmake/embed_text.cmake
    DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/cmake/embed_text.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()
