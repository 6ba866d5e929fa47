// The pass pipeline and object emission.
//
// Loops arrive tiled and vectorized, so nothing here vectorizes, unrolls or looks for library calls: what is left is to
// turn locals into registers, find common work, and move it out of loops.
#include "codegen/llvm/object.h"

#include <llvm/Analysis/CGSCCPassManager.h>
#include <llvm/Analysis/LoopAnalysisManager.h>
#include <llvm/Analysis/TargetLibraryInfo.h>
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetOptions.h>
#include <llvm/Transforms/InstCombine/InstCombine.h>
#include <llvm/Transforms/Scalar/ADCE.h>
#include <llvm/Transforms/Scalar/CorrelatedValuePropagation.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/GVN.h>
#include <llvm/Transforms/Scalar/LICM.h>
#include <llvm/Transforms/Scalar/LoopPassManager.h>
#include <llvm/Transforms/Scalar/Reassociate.h>
#include <llvm/Transforms/Scalar/SROA.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>

#include <mutex>

#include "codegen/llvm/masks.h"

namespace hearth {
namespace {

void initialize_llvm() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
  });
}

llvm::FunctionPassManager pipeline(unsigned register_bytes) {
  llvm::FunctionPassManager passes;
  passes.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
  passes.addPass(llvm::EarlyCSEPass(true));
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::createFunctionToLoopPassAdaptor(llvm::LICMPass(llvm::LICMOptions()), true));
  passes.addPass(llvm::GVNPass());
  passes.addPass(llvm::CorrelatedValuePropagationPass());
  passes.addPass(SplitMasks(register_bytes));
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::ADCEPass());
  passes.addPass(llvm::SimplifyCFGPass());
  return passes;
}

// min(x, c) with a known c looks to instruction selection like the library's fmin, which lets either zero come out and
// on some widths is a call. A fence around c hides that it is known; the select and its law stay.
void keep_min_max(llvm::Function& function) {
  std::vector<llvm::SelectInst*> found;
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    auto* select = llvm::dyn_cast<llvm::SelectInst>(&instruction);
    if (!select || !select->getType()->isFPOrFPVectorTy()) continue;
    llvm::Value *left = nullptr, *right = nullptr;
    const auto flavor = llvm::matchSelectPattern(select, left, right).Flavor;
    if (flavor == llvm::SPF_FMINNUM || flavor == llvm::SPF_FMAXNUM) found.push_back(select);
  }
  for (llvm::SelectInst* select : found) {
    auto* compare = llvm::cast<llvm::FCmpInst>(select->getCondition());
    llvm::IRBuilder<> build(compare);
    auto* fresh = llvm::cast<llvm::FCmpInst>(compare->clone());  // others may use the comparison
    fresh->insertBefore(select);
    for (llvm::Value* known : {select->getTrueValue(), select->getFalseValue()}) {
      if (!llvm::isa<llvm::Constant>(known)) continue;
      build.SetInsertPoint(fresh);
      llvm::Value* hidden = build.CreateArithmeticFence(known, known->getType());
      select->replaceUsesOfWith(known, hidden);
      fresh->replaceUsesOfWith(known, hidden);
    }
    select->setCondition(fresh);
  }
}

}  // namespace

Result<std::unique_ptr<llvm::TargetMachine>> make_machine(const Target& target) {
  initialize_llvm();
  std::string why;
  const llvm::Target* found = llvm::TargetRegistry::lookupTarget(target.triple, why);
  if (!found) return error("codegen: target '{}': LLVM does not know '{}': {}", target.name, target.triple, why);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;  // what is fused says fma
  options.FunctionSections = true;
  std::unique_ptr<llvm::TargetMachine> machine(
      found->createTargetMachine(target.triple, target.cpu, target.features, options, llvm::Reloc::PIC_,
                                 llvm::CodeModel::Small, llvm::CodeGenOptLevel::Default));
  if (!machine) return error("codegen: target '{}': LLVM makes no code for '{}'", target.name, target.triple);
  return machine;
}

void optimize(llvm::Module& module, llvm::TargetMachine& machine, int register_bytes) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager groups;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  llvm::TargetLibraryInfoImpl no_library(machine.getTargetTriple());
  no_library.disableAllFunctions();
  functions.registerPass([&] { return llvm::TargetLibraryAnalysis(no_library); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(groups);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, groups, modules);
  llvm::FunctionPassManager passes = pipeline(static_cast<unsigned>(register_bytes));
  for (llvm::Function& function : module)
    if (!function.isDeclaration()) {
      passes.run(function, functions);
      keep_min_max(function);
    }
}

Result<std::vector<std::byte>> make_object(llvm::Module& module, llvm::TargetMachine& machine) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream out(bytes);
  llvm::legacy::PassManager passes;
  llvm::TargetLibraryInfoImpl no_library(machine.getTargetTriple());
  no_library.disableAllFunctions();
  passes.add(new llvm::TargetLibraryInfoWrapperPass(no_library));
  if (machine.addPassesToEmitFile(passes, out, nullptr, llvm::CodeGenFileType::ObjectFile))
    return error("codegen: LLVM cannot write objects for '{}'", machine.getTargetTriple().str());
  passes.run(module);
  const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
  return std::vector<std::byte>(data, data + bytes.size());
}

}  // namespace hearth
