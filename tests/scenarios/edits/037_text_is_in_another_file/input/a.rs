let width = columns * 2;
