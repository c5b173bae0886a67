"""Published models, by name and with their sources: the one vocabulary of all cases. No torch."""

from seatrial.models.decoder import Decoder, RopeScaling
from seatrial.models.deepseek import DEEPSEEK
from seatrial.models.esm import ESM, Encoder
from seatrial.models.gpt import GPT
from seatrial.models.llama import LLAMA
from seatrial.models.mpt import MPT

__all__ = ["DEEPSEEK", "ESM", "GPT", "LLAMA", "MPT", "Decoder", "Encoder", "RopeScaling"]
