build: 
	go build -o build/enginebay ./cmd/enginebay
