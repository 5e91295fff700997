from core.utils import *
