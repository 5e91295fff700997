mod point;
