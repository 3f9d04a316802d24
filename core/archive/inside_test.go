package archive

// Hollow is [hollow].
var Hollow = hollow
