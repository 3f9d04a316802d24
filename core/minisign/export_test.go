package minisign

// Cost is scrypt's.
var Cost = cost
