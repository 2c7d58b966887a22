// SPDX-License-Identifier: Apache-2.0
#include "node/program.h"

int main(int argc, char** argv) {
  return howdah::node::run_program(argc, argv);
}
