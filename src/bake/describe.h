// From a program to the artifact's interface, and from a checkpoint to the model's card.
#pragma once

#include "artifact/interface.h"
#include "base/result.h"
#include "ir/loop.h"
#include "models/model.h"
#include "weights/checkpoint.h"

namespace hearth {

// Sizes, buffers, kernels and launches; the model's card is left empty.
Interface interface_of(const Program& program, const std::string& target);
// Name, vocabulary, ids that end an answer, sampling defaults, template values. Errors name the config key.
Result<ModelCard> card_of(const Model& model, const Checkpoint& checkpoint);

}  // namespace hearth
