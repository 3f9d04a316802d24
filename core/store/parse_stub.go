package store

func parseFile(file, show string) parsed { return parsed{} }
